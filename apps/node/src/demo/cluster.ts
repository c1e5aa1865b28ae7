import { randomInt } from 'node:crypto';
import { memoryNetwork } from '@ringfort/bus';
import { CommandError } from '../cli/exit.ts';
import { type DevReport, startProcesses } from '../dev/cluster.ts';
import type { DevDirectory } from '../dev/directory.ts';
import { type NodeProcess, startNodeProcess } from '../dev/node-process.ts';
import { type DevOptions, nodeConfigOf } from '../dev/options.ts';
import { checkPortsFree } from '../dev/preflight.ts';
import { createLog } from '../log.ts';
import { type RunningNode, startNode } from '../start-node.ts';

/** The cluster of the demo: its nodes can be made to fail, and brought back. */
export interface DemoCluster {
  readonly nodes: readonly { readonly id: string; readonly url: string }[];
  /** How `fail` makes a node fail, for the story. */
  readonly failing: string;
  /** Resolves when the node is gone. */
  fail(id: string): Promise<void>;
  /** Starts it again over the data that it left. */
  bringBack(id: string): Promise<void>;
  /** The nodes that ended without being asked to. */
  readonly strays: readonly string[];
  stop(): Promise<void>;
}

/** Below the ports that systems give to outgoing connections, so that none of those takes one between the look and the use. */
const [firstPort, lastPort] = [20_000, 32_000];
const maxAttempts = 50;

/** The first of `count` neighbouring ports that are free. @throws CommandError `PORT_TAKEN` when none are found */
export async function freeRange(count: number): Promise<number> {
  let last: unknown;
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const first = randomInt(firstPort, lastPort - count);
    try {
      await checkPortsFree(first, count);
      return first;
    } catch (error) {
      last = error;
    }
  }
  const message = `no ${count} neighbouring free ports were found between ${firstPort} and ${lastPort}`;
  throw new CommandError('PORT_TAKEN', message, { cause: last });
}

/** Five processes and a nats-server; failing is `kill -9`. */
export async function demoProcesses(
  options: DevOptions,
  directory: DevDirectory,
  stopAsked: Promise<unknown>,
): Promise<DemoCluster> {
  const gone = new Map<string, () => void>();
  const strays: string[] = [];
  const report: DevReport = {
    tell: (line) => void strays.push(line), // a nats-server that ended and was started again
    stopAsked,
    nodeReady: () => undefined,
    nodeEnded(id, _pid, how) {
      const expected = gone.get(id);
      if (expected === undefined) strays.push(`${id} (${how})`);
      else expected();
    },
  };
  const cluster = await startProcesses(options, directory, report);
  const returned: NodeProcess[] = [];
  return {
    nodes: cluster.nodes,
    failing: 'killed with kill -9',
    strays,
    async fail(id) {
      const { pid } = nodeOf(cluster.nodes, id);
      const ended = new Promise<void>((resolve) => gone.set(id, resolve));
      process.kill(pid, 'SIGKILL');
      await ended;
    },
    async bringBack(id) {
      const node = startNodeProcess(id, directory.configFile(id), directory.logFile(id), process.env);
      returned.push(node);
      await node.ready;
    },
    async stop() {
      for (const { id } of cluster.nodes) gone.set(id, () => undefined);
      await Promise.all(returned.map((node) => node.stop()));
      await cluster.stop();
    },
  };
}

/** Five nodes in this process, on a bus in memory: what can be told without a nats-server. Failing is an end of the node. */
export async function demoEmbedded(options: DevOptions): Promise<DemoCluster> {
  const network = memoryNetwork();
  const running = new Map<string, RunningNode>();
  const start = async (index: number) => {
    const config = nodeConfigOf(options, index, 'embedded');
    const node = await startNode(config, { network, log: createLog(config), processMetrics: false });
    running.set(node.id, node);
    return { id: node.id, url: node.httpUrl ?? '' };
  };
  const stop = async () => {
    await Promise.all([...running.values()].map((node) => node.stop()));
  };
  try {
    const nodes = await Promise.all(Array.from({ length: options.nodes }, (_, index) => start(index)));
    return {
      nodes,
      failing: 'stopped (all nodes share this process: there is none to kill)',
      strays: [],
      async fail(id) {
        await running.get(id)?.stop();
        running.delete(id);
      },
      async bringBack(id) {
        await start(nodes.findIndex((node) => node.id === id));
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function nodeOf<Node extends { readonly id: string }>(nodes: readonly Node[], id: string): Node {
  const found = nodes.find((node) => node.id === id);
  if (found === undefined) throw new TypeError(`there is no node ${id}`);
  return found;
}
