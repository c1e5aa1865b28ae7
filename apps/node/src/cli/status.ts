import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterStatus, NodeStatus } from '../http/cluster-routes.ts';
import { ask, type Endpoint } from './api.ts';
import { CommandError, exitCode } from './exit.ts';
import type { CommandIo } from './io.ts';

export interface StatusOptions extends Endpoint {
  readonly json?: boolean | undefined;
  /** Seconds between two looks. */
  readonly watch?: string | true | undefined;
}

/** `ringfort status`: the cluster as one of its nodes sees it. */
export async function status(options: StatusOptions, io: CommandIo): Promise<number> {
  const everyMs = intervalMs(options.watch);
  for (;;) {
    const cluster = (await (await ask(options, { path: '/v1/cluster' })).json()) as ClusterStatus;
    const text = options.json ? `${JSON.stringify(cluster)}\n` : await render(cluster);
    if (everyMs === undefined) {
      io.out(text);
      return exitCode.done;
    }
    io.out(options.json ? text : `\u001b[2J\u001b[H${text}`);
    await sleep(everyMs);
  }
}

/** Of `--watch`. @throws CommandError for what is no number of seconds */
export function intervalMs(watch: string | true | undefined): number | undefined {
  if (watch === undefined) return undefined;
  const seconds = watch === true ? 2 : Number(watch);
  if (seconds >= 0.2 && seconds <= 3600) return seconds * 1000;
  throw new CommandError('USAGE', `--watch ${watch}: give 0.2 to 3600 seconds`, { exitCode: exitCode.usage });
}

async function render(cluster: ClusterStatus): Promise<string> {
  const [{ default: Table }, { default: colors }] = await Promise.all([import('cli-table3'), import('picocolors')]);
  const table = new Table({
    head: ['node', 'status', 'http', 'pid', 'partitions', 'weight', 'zone', 'hints held', 'store', 'silent'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'left', 'right', 'left', 'right'],
  });
  const paint = { up: colors.green, suspect: colors.yellow, down: colors.red };
  for (const node of cluster.nodes) {
    table.push([
      node.id,
      paint[node.status](node.status),
      node.http ?? '-',
      node.pid ?? '-',
      node.partitions,
      node.weight,
      node.zone,
      node.hintsHeld ?? '-',
      node.storage === 'readOnly'
        ? colors.red('read-only')
        : node.storage === 'refilling'
          ? colors.yellow('refilling')
          : (node.storage ?? '-'),
      silence(node, cluster.self),
    ]);
  }
  const { size, digest } = cluster.ringVersion;
  return `cluster ${cluster.clusterId}, ring ${digest} (${size} records), as ${cluster.self} (${cluster.state}) sees it\n${table.toString()}\n`;
}

function silence({ id, silentMs }: NodeStatus, self: string): string {
  if (id === self) return 'itself';
  return silentMs === undefined ? 'never heard' : `${(silentMs / 1000).toFixed(1)} s`;
}
