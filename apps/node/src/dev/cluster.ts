import { memoryNetwork } from '@ringfort/bus';
import { CommandError } from '../cli/exit.ts';
import { createLog } from '../log.ts';
import { type RunningNode, startNode } from '../start-node.ts';
import type { DevDirectory } from './directory.ts';
import { type DevNats, startDevNats } from './nats.ts';
import { type NodeProcess, startNodeProcess } from './node-process.ts';
import { type DevOptions, nodeConfigOf } from './options.ts';
import { checkNatsReachable } from './preflight.ts';
import type { DevNode, DevReport } from './report.ts';

export type { DevNode, DevReport } from './report.ts';

const readyLimitMs = 30_000;

/** A cluster under way. */
export interface DevCluster {
  readonly nodes: readonly DevNode[];
  /** Resolves with why, when the cluster cannot go on. */
  readonly lost: Promise<string>;
  /** Nodes first, nats-server last. Idempotent. */
  stop(): Promise<void>;
}

/** Starts each node as its own process, and a nats-server unless one is given. On failure nothing is left running. */
export async function startProcesses(
  options: DevOptions,
  directory: DevDirectory,
  report: DevReport,
): Promise<DevCluster> {
  const cluster = directory.cluster(options.nodes);
  if (options.nats !== undefined) await checkNatsReachable(options.nats);
  const nats = options.nats === undefined ? await startDevNats(directory, cluster.natsPort, report) : undefined;
  const running: NodeProcess[] = [];
  const stop = once(() => stopAll(running, nats));
  try {
    directory.saveCluster({ ...cluster, ...(nats === undefined ? {} : { natsPort: nats.port }) });
    const servers = nats === undefined ? (options.nats ?? []) : [nats.url];
    for (let index = 0; index < options.nodes; index += 1) {
      const config = nodeConfigOf(options, index, servers);
      directory.writeConfig(config.id, config);
      running.push(
        startNodeProcess(config.id, directory.configFile(config.id), directory.logFile(config.id), process.env),
      );
    }
    const nodes = await inTime(Promise.all(running.map((node) => untilReady(node, report))), report);
    for (const node of running) void node.ended.then((how) => report.nodeEnded(node.id, node.pid, how));
    return { nodes, lost: nats?.lost ?? never(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs all nodes in this process, on a network in memory, each with its own store on disk. */
export async function startEmbedded(
  options: DevOptions,
  directory: DevDirectory,
  report: DevReport,
): Promise<DevCluster> {
  const cluster = directory.cluster(options.nodes);
  const network = memoryNetwork();
  const running: RunningNode[] = [];
  const stop = once(async () => {
    await Promise.all(running.map((node) => node.stop()));
  });
  try {
    directory.saveCluster(cluster);
    for (let index = 0; index < options.nodes; index += 1) {
      const config = nodeConfigOf(options, index, 'embedded');
      running.push(await startNode(config, { network, log: createLog(config), processMetrics: index === 0 }));
    }
    await inTime(Promise.all(running.map(untilMember)), report);
    const nodes = running.map(({ id, httpUrl }) => ({ id, url: httpUrl ?? '', pid: process.pid }));
    for (const node of nodes) report.nodeReady(node);
    return { nodes, lost: never(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilReady(node: NodeProcess, report: DevReport): Promise<DevNode> {
  const { url = '' } = await node.ready;
  const ready = { id: node.id, url, pid: node.pid };
  report.nodeReady(ready);
  return ready;
}

function untilMember({ id, membership }: RunningNode): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (membership.state === 'member') resolve();
      if (membership.state === 'refused') {
        reject(
          new CommandError(
            'NODE_FAILED',
            `node ${id} is refused by the cluster (${membership.reason ?? 'no reason known'})`,
          ),
        );
      }
    };
    membership.on(look);
    look();
  });
}

async function stopAll(nodes: readonly NodeProcess[], nats: DevNats | undefined): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop()));
  await nats?.stop();
}

/** Fails when the work takes too long, or the user does not want it any more. */
async function inTime<Result>(work: Promise<Result>, { stopAsked }: DevReport): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new CommandError(
      'NOT_READY_IN_TIME',
      `the nodes were not ready within ${readyLimitMs / 1000} s: see node.log of each under nodes/ of the data directory`,
    );
    timer = setTimeout(() => reject(error), readyLimitMs);
  });
  const givenUp = stopAsked.then(() => Promise.reject(new CommandError('STOPPED', 'stopped while it was starting')));
  try {
    return await Promise.race([work, late, givenUp]);
  } finally {
    clearTimeout(timer);
  }
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= run();
    return running;
  };
}

function never(): Promise<never> {
  return new Promise<never>(() => undefined);
}
