import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../cli/exit.ts';
import type { NodeMessage } from '../cli/node.ts';

/** The program that this very file belongs to. */
export const mainFile = fileURLToPath(new URL('../main.js', import.meta.url));

/** The node's own bound of a graceful stop, and what it takes to exit. */
const stopLimitMs = 6000;

export interface NodeProcess {
  readonly id: string;
  readonly pid: number;
  /** Resolves when it is a member and serves; rejects with its own line when it failed, or ended, before that. */
  readonly ready: Promise<{ url: string | undefined }>;
  /** `SIGKILL`, or `exit code 1`; resolves when the process has ended. */
  readonly ended: Promise<string>;
  /** SIGTERM, and SIGKILL when that takes too long. */
  stop(): Promise<void>;
}

/**
 * Starts one node as its own process, in its own process group (Ctrl-C is for `ringfort dev`, which then stops its nodes in order). The
 * channel between the two tells the node when this process is gone, however it ended.
 */
export function startNodeProcess(id: string, configFile: string, logFile: string, env: NodeJS.ProcessEnv): NodeProcess {
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(process.execPath, [mainFile, 'node', '--config', configFile, '--stop-with-parent'], {
    stdio: ['ignore', 'ignore', log, 'ipc'],
    detached: true,
    env: withoutSettings(env),
  });
  closeSync(log);
  let failure: string | undefined;
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
  const ready = new Promise<{ url: string | undefined }>((resolve, reject) => {
    child.on('message', (message: NodeMessage) => {
      if (message.type === 'ready') resolve({ url: message.url });
      else {
        failure = message.line;
        reject(new CommandError('NODE_FAILED', `node ${id}: ${message.line}`));
      }
    });
    void ended.then((how) =>
      reject(new CommandError('NODE_FAILED', `node ${id} ended (${failure ?? how}); its log: ${logFile}`)),
    );
  });
  ready.catch(() => undefined); // whoever awaits it is told; nobody else needs to be
  return { id, pid: child.pid ?? 0, ready, ended, stop: () => stopChild(child, ended) };
}

async function stopChild(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGCONT'); // a paused one hears nothing else
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
  await ended;
  clearTimeout(timer);
}

/** The file alone tells a node of `ringfort dev` what it is: settings in the environment would go before it, for all nodes alike. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('RINGFORT_')));
}
