import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

export const mainFile = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** A `ringfort` command line under way, and what it has said so far. */
export class Command {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #text = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [mainFile, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk) => {
        this.#text += chunk;
      });
    }
    this.ended = new Promise((resolve) => this.child.once('close', (code, signal) => resolve({ code, signal })));
  }

  get text(): string {
    return this.#text;
  }

  /** Waits until it has said something. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    await expect.poll(() => this.#text, { timeout: 40_000, interval: 50 }).toMatch(pattern);
    return pattern.exec(this.#text)!;
  }

  async stop(signal: NodeJS.Signals = 'SIGINT') {
    this.child.kill(signal);
    return this.ended;
  }
}

/** The processes that a `ringfort dev` said it started, and its nats-server's. */
export function pidsOf(text: string): number[] {
  return [...text.matchAll(/^ringfort: node \S+ ready, .* \(pid (\d+)\)$/gm)].map(([, pid]) => Number(pid));
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until none of the processes is there any more. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([]);
}
