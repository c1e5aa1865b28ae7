import { setTimeout as sleep } from 'node:timers/promises';
import { type NatsCluster, type NatsClusterOptions, startNatsCluster } from '@ringfort/nats-server';
import { TestkitError } from './errors.ts';
import { startTestNode, type TestNode, type TestNodeOptions } from './test-node.ts';

export interface TestClusterOptions
  extends Omit<TestNodeOptions, 'id' | 'nats' | 'seeds' | 'dataDir' | 'httpPort' | 'zone' | 'weight'> {
  /** How many nodes (`n1`, `n2`, ...); or what sets each apart. */
  readonly nodes: number | readonly (Pick<TestNodeOptions, 'id'> & Partial<TestNodeOptions>)[];
  /** URLs of NATS servers to use; by default it starts one of its own, or `natsServers` of them routed to each other. */
  readonly nats?: string | readonly string[];
  readonly natsServers?: number;
  readonly natsCluster?: NatsClusterOptions;
  /**
   * Each node knows one of the servers alone, the first nodes the first one and so on; by default all know all. (Servers tell their clients of each
   * other: give `natsCluster: { noAdvertise: true }` as well, or a node that loses its server goes to another.)
   */
  readonly ownServer?: boolean;
  /** For the whole cluster to become ready; 30 s by default. */
  readonly readyTimeoutMs?: number;
  /** Aborted before it is ready, it is ended, and the start fails with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Real nodes and real nats-servers, each its own process. */
export interface TestCluster {
  readonly nodes: readonly TestNode[];
  /** The nats-servers that it started; undefined when `nats` was given. */
  readonly nats: NatsCluster | undefined;
  readonly natsUrls: readonly string[];
  node(id: string): TestNode;
  /** Which of the NATS servers a node was given, with `ownServer`. */
  serverOf(id: string): number;
  /** Starts one more node, which knows all NATS servers: no member until it is added. Resolves when its HTTP interface answers. */
  join(id: string): Promise<TestNode>;
  /** Ends a node for good. */
  part(id: string): Promise<void>;
  /** Ends every node, then its nats-servers, and removes temporary files. Idempotent. */
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 30_000;

/** Starts a cluster and resolves when every node is ready; on failure nothing is left running, and the error shows the node's log. */
export async function startTestCluster(options: TestClusterOptions): Promise<TestCluster> {
  const {
    nodes: wanted,
    nats: given,
    natsServers = 1,
    natsCluster,
    ownServer = false,
    readyTimeoutMs = READY_TIMEOUT_MS,
    signal,
    ...common
  } = options;
  const specs = typeof wanted === 'number' ? Array.from({ length: wanted }, (_, i) => ({ id: `n${i + 1}` })) : wanted;
  const nats = given === undefined ? await startNatsCluster(natsServers, natsCluster) : undefined;
  const natsUrls = nats?.urls ?? (typeof given === 'string' ? [given] : (given ?? []));
  const nodes: TestNode[] = [];
  const serverOf = (id: string): number =>
    Math.floor((specs.findIndex((spec) => spec.id === id) * natsUrls.length) / specs.length);
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= Promise.all(nodes.map((node) => node.stop())).then(() => nats?.stop());
    return stopping;
  };
  try {
    const seeds = specs.map((spec) => spec.id);
    for (const spec of specs) {
      const known = ownServer ? natsUrls[serverOf(spec.id)]! : natsUrls;
      nodes.push(await startTestNode({ nats: known, seeds, ...common, ...spec }));
    }
    await Promise.race([Promise.all(nodes.map((node) => node.waitReady(readyTimeoutMs))), rejectionOf(signal)]);
  } catch (error) {
    await stop();
    throw error;
  }
  const node = (id: string): TestNode => {
    const found = nodes.find((candidate) => candidate.id === id);
    if (found === undefined) throw new TestkitError('TEST_NODE_UNKNOWN', `the cluster has no node ${id}`, { id });
    return found;
  };
  const join = async (id: string): Promise<TestNode> => {
    const seeds = specs.map((spec) => spec.id);
    const joining = await startTestNode({ nats: natsUrls, seeds, ...common, id });
    nodes.push(joining);
    await untilAlive(joining, readyTimeoutMs);
    return joining;
  };
  const part = async (id: string): Promise<void> => {
    const parting = node(id);
    nodes.splice(nodes.indexOf(parting), 1);
    await parting.stop();
  };
  return { nodes, nats, natsUrls, node, serverOf, join, part, stop };
}

/** Whether the process serves: a node that is no member is not ready. */
async function untilAlive({ id, url }: TestNode, timeoutMs: number): Promise<void> {
  const lateMs = performance.now() + timeoutMs;
  const isAlive = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isAlive())) {
    if (performance.now() > lateMs) throw new TestkitError('TEST_NODE_NOT_READY', `node ${id} does not answer`, { id });
    await sleep(50);
  }
}

/** Rejects when it is aborted; else it stays pending. */
function rejectionOf(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    else signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/**
 * Starts a cluster, hands it to `use`, and stops it whatever happens. When `use` fails, the last log lines of every node are added to
 * the error's message.
 */
export async function withTestCluster<T>(
  options: TestClusterOptions,
  use: (cluster: TestCluster) => Promise<T>,
): Promise<T> {
  const cluster = await startTestCluster(options);
  try {
    return await use(cluster);
  } catch (error) {
    if (error instanceof Error) error.message += cluster.nodes.map(lastLines).join('');
    throw error;
  } finally {
    await cluster.stop();
  }
}

function lastLines(node: TestNode): string {
  return `\n--- ${node.id} (${node.running ? 'running' : 'ended'}) ---\n${node.logTail(1_500)}`;
}
