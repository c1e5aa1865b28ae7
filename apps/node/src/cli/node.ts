import { type ConfigSources, loadConfig } from '../config-sources.ts';
import { createLog } from '../log.ts';
import { beginNode, type NodeEnd, type RunningNode } from '../start-node.ts';
import { exitCode, failureOf } from './exit.ts';

/** What a node tells the `ringfort dev` that started it. */
export type NodeMessage =
  | { readonly type: 'ready'; readonly id: string; readonly url: string | undefined; readonly pid: number }
  | { readonly type: 'failed'; readonly line: string };

export interface NodeCommandOptions {
  readonly sources: ConfigSources;
  /** Stops when the process that started this one is gone. */
  readonly stopWithParent: boolean;
}

/** Past the bound of the graceful stop, with time to say so. */
const hardExitMs = 5200;

/** `ringfort node`: runs until SIGTERM or SIGINT; resolves with the exit code. */
export async function node({ sources, stopWithParent }: NodeCommandOptions): Promise<number> {
  const config = loadConfig(sources);
  const log = createLog(config);
  const life = beginNode(config, { log });
  let stopping = false;
  const stop = (why: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ why }, 'stopping');
    setTimeout(() => process.exit(exitCode.failed), hardExitMs).unref();
    life.stop().catch(() => undefined); // told below, by `ended`
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  if (stopWithParent) process.on('disconnect', () => stop('the process that started it is gone'));

  life.started.then(announceWhenMember, () => undefined); // a failed start is told below, by `ended`
  const end = await life.ended;
  const code = tellEnd(config.id, end);
  if (process.connected) process.disconnect();
  return code;
}

function tellEnd(id: string, end: NodeEnd): number {
  if (end.how === 'stopped') return exitCode.done;
  const { line } = failureOf(end.failure);
  tellParent({ type: 'failed', line });
  process.stderr.write(`ringfort: node ${id}: ${line}\n`);
  return exitCode.failed;
}

/** Says that the node is ready once it is a member, and that it is refused where it is. */
function announceWhenMember({ id, httpUrl, membership }: RunningNode): void {
  const look = (): boolean => {
    if (membership.state === 'joining') return false;
    if (membership.state === 'member') {
      tellParent({ type: 'ready', id, url: httpUrl, pid: process.pid });
      process.stdout.write(
        `ringfort: node ${id} ready${httpUrl === undefined ? '' : `, ${httpUrl}`} (pid ${process.pid})\n`,
      );
    } else if (membership.state === 'refused') {
      const line = `node ${id} is refused by the cluster (${membership.reason ?? 'no reason known'}): its log and /readyz say more`;
      tellParent({ type: 'failed', line });
      process.stderr.write(`ringfort: ${line}\n`);
    }
    return true;
  };
  if (look()) return;
  const subscription = membership.on(() => {
    if (look()) subscription.unsubscribe();
  });
}

function tellParent(message: NodeMessage): void {
  if (process.connected) process.send?.(message);
}
