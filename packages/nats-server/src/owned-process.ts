import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface OwnedProcessOptions {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Standard output and error are appended to this file. */
  readonly logFile: string;
  /** Folders removed when this process (the parent) exits without having called `stop`. */
  readonly removeAtExit?: readonly string[];
}

/** A child that never outlives its parent. */
export interface OwnedProcess {
  readonly pid: number;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<Exit>;
  readonly exit: Exit | undefined;
  /** Sends a signal to this very process. False when it has already ended. */
  kill(signal: NodeJS.Signals): boolean;
  /** SIGTERM (after SIGCONT, so that a paused one hears it), then SIGKILL when it has not ended within `graceMs`. */
  stop(graceMs?: number): Promise<Exit>;
}

const SETPRIV = '/usr/bin/setpriv';
const DEFAULT_GRACE_MS = 5_000;
const living = new Map<ChildProcess, readonly string[]>();
let hooked = false;

/**
 * Starts a process that ends with its parent: killed by the `exit` hook when the parent exits, and, where util-linux' `setpriv` is
 * there (Linux), by the kernel (`PR_SET_PDEATHSIG`) when the parent is killed outright. Rejects when it cannot be run.
 */
export async function ownProcess(command: string, options: OwnedProcessOptions): Promise<OwnedProcess> {
  hookExit();
  const args = [...(options.args ?? [])];
  // setpriv replaces itself by the command: the pid is the command's own.
  const guarded = process.platform === 'linux' && existsSync(SETPRIV) && existsSync(command);
  const log = openSync(options.logFile, 'a');
  const child = guarded
    ? spawn(SETPRIV, ['--pdeathsig', 'KILL', command, ...args], spawnOptions(options, log))
    : spawn(command, args, spawnOptions(options, log));
  closeSync(log);
  living.set(child, options.removeAtExit ?? []);
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      living.delete(child);
      exit = { code, signal };
      resolve(exit);
    });
  });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    living.delete(child);
    throw cause;
  }
  child.on('error', () => undefined); // A signal that could not be sent: `kill` returns false as well.
  return {
    pid: child.pid!,
    exited,
    get exit() {
      return exit;
    },
    kill: (signal) => exit === undefined && child.kill(signal),
    stop: (graceMs = DEFAULT_GRACE_MS) => stopChild(child, exited, graceMs),
  };
}

/** The last `maxBytes` of a log file as text; empty when there is none. */
export function logTail(file: string, maxBytes = 4_096): string {
  if (!existsSync(file)) return '';
  const bytes = readFileSync(file);
  return bytes.subarray(Math.max(0, bytes.length - maxBytes)).toString('utf8');
}

function spawnOptions(options: OwnedProcessOptions, log: number) {
  return {
    stdio: ['ignore', log, log] as ['ignore', number, number],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  };
}

async function stopChild(child: ChildProcess, exited: Promise<Exit>, graceMs: number): Promise<Exit> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const timeout = new AbortController();
    const late = sleep(graceMs, 'late' as const, { signal: timeout.signal }).catch(() => 'ended' as const);
    if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL');
    timeout.abort();
  }
  return exited;
}

function hookExit(): void {
  if (hooked) return;
  hooked = true;
  process.on('exit', () => {
    for (const [child, folders] of living) {
      child.kill('SIGKILL');
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    }
  });
}
