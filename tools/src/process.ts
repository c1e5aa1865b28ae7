import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ToolError } from './errors.ts';

/** How a child ended. `code` is 128 + the signal's number when a signal ended it, as in a shell. */
export interface Ran {
  readonly code: number;
  /** stdout and stderr as they came, the last `maxOutputBytes` of them. */
  readonly output: string;
  /** stdout alone, equally bounded. */
  readonly stdout: string;
  readonly timedOut: boolean;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** After this long the whole process group is killed. */
  readonly timeoutMs: number;
}

const maxOutputBytes = 4 * 1024 * 1024;
const parentCheckMs = 500;
const live = new Set<ChildProcess>();
const foreground = new Set<ChildProcess>();

/** Runs a program to its end, without stdin, in a process group of its own, and keeps what it printed. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    live.add(child);
    const kept = keepTail(maxOutputBytes);
    const stdout = keepTail(maxOutputBytes);
    let timedOut = false;
    child.stdout.on('data', kept.add).on('data', stdout.add);
    child.stderr.on('data', kept.add);
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child, 'SIGKILL');
    }, options.timeoutMs);
    const done = () => {
      clearTimeout(timer);
      live.delete(child);
    };
    child.on('error', (cause) => {
      done();
      reject(new ToolError('CANNOT_RUN', `cannot run ${command}: ${cause.message}`, { cause }));
    });
    child.on('close', (code, signal) => {
      done();
      killGroup(child, 'SIGKILL');
      resolve({ code: exitCode(code, signal), output: kept.text(), stdout: stdout.text(), timedOut });
    });
  });
}

/** Runs the npm that started this program, or else the one on PATH. */
export function npm(args: readonly string[], options: RunOptions): Promise<Ran> {
  const cli = process.env.npm_execpath;
  const outer = /^npm_(package|lifecycle|command)|^npm_config_(local_prefix|workspaces?|include_workspace_root)$/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !outer.test(name)));
  const own = { ...options, env };
  return cli?.endsWith('.js') ? run(process.execPath, [cli, ...args], own) : run('npm', args, own);
}

/**
 * Runs a program in the foreground, on this terminal, and passes SIGTERM, SIGHUP and SIGINT on to it; it is also asked to
 * end when the program that started this one is gone.
 * @returns its exit code
 */
export function runForeground(command: string, args: readonly string[], cwd: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: 'inherit' });
    foreground.add(child);
    const stops: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const passed = new Set<NodeJS.Signals>();
    const pass = (signal: NodeJS.Signals) => {
      // Ctrl-C comes from npm, too, and on a terminal the child has it already: a second one may mean "at once".
      const hasIt = passed.has(signal) || (signal === 'SIGINT' && process.stdin.isTTY);
      passed.add(signal);
      if (!hasIt) child.kill(signal);
    };
    for (const signal of stops) process.on(signal, pass);
    // A shell between npm and this program may die of a signal that npm gave it without passing it on.
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid !== parent) child.kill('SIGTERM');
    }, parentCheckMs);
    const done = () => {
      clearInterval(watch);
      foreground.delete(child);
      for (const signal of stops) process.off(signal, pass);
    };
    child.on('error', (cause) => {
      done();
      reject(new ToolError('CANNOT_RUN', `cannot run ${command}: ${cause.message}`, { cause }));
    });
    child.on('close', (code, signal) => {
      done();
      resolve(exitCode(code, signal));
    });
  });
}

/**
 * From now until the returned function is called, a signal that ends this program first ends the children of `run`. A
 * program in the foreground is left to answer the signal itself, and this one ends with it.
 */
export function stopChildrenOnSignals(): () => void {
  const stop = (signal: NodeJS.Signals) => {
    if (foreground.size > 0) return;
    for (const child of live) killGroup(child, 'SIGKILL');
    process.exit(exitCode(null, signal));
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
  return () => {
    process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', stop);
  };
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // ESRCH: nobody of the group is left, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal ? constants.signals[signal] : 0);
}

function keepTail(maxBytes: number): { add: (chunk: Buffer) => void; text: () => string } {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return {
    add: (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
      while (bytes > maxBytes && chunks.length > 1) bytes -= chunks.shift()?.length ?? 0;
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}
