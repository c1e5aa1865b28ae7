import { type NatsCluster, startNatsCluster } from '@ringfort/nats-server';
import { TestkitError } from './errors.ts';
import { startTestNode, type TestNode, type TestNodeOptions } from './test-node.ts';

export interface TestClusterOptions
  extends Omit<TestNodeOptions, 'id' | 'nats' | 'seeds' | 'dataDir' | 'httpPort' | 'zone' | 'weight'> {
  /** How many nodes (`n1`, `n2`, ...); or what sets each apart. */
  readonly nodes: number | readonly (Pick<TestNodeOptions, 'id'> & Partial<TestNodeOptions>)[];
  /** URLs of NATS servers to use; by default it starts one of its own, or `natsServers` of them routed to each other. */
  readonly nats?: string | readonly string[];
  readonly natsServers?: number;
  /** For the whole cluster to become ready; 30 s by default. */
  readonly readyTimeoutMs?: number;
}

/** Real nodes and real nats-servers, each its own process. */
export interface TestCluster {
  readonly nodes: readonly TestNode[];
  /** The nats-servers that it started; undefined when `nats` was given. */
  readonly nats: NatsCluster | undefined;
  readonly natsUrls: readonly string[];
  node(id: string): TestNode;
  /** Ends every node, then its nats-servers, and removes temporary files. Idempotent. */
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 30_000;

/** Starts a cluster and resolves when every node is ready; on failure nothing is left running, and the error shows the node's log. */
export async function startTestCluster(options: TestClusterOptions): Promise<TestCluster> {
  const { nodes: wanted, nats: given, natsServers = 1, readyTimeoutMs = READY_TIMEOUT_MS, ...common } = options;
  const specs = typeof wanted === 'number' ? Array.from({ length: wanted }, (_, i) => ({ id: `n${i + 1}` })) : wanted;
  const nats = given === undefined ? await startNatsCluster(natsServers) : undefined;
  const natsUrls = nats?.urls ?? (typeof given === 'string' ? [given] : (given ?? []));
  const nodes: TestNode[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= Promise.all(nodes.map((node) => node.stop())).then(() => nats?.stop());
    return stopping;
  };
  try {
    const seeds = specs.map((spec) => spec.id);
    for (const spec of specs) nodes.push(await startTestNode({ nats: natsUrls, seeds, ...common, ...spec }));
    await Promise.all(nodes.map((node) => node.waitReady(readyTimeoutMs)));
  } catch (error) {
    await stop();
    throw error;
  }
  const node = (id: string): TestNode => {
    const found = nodes.find((candidate) => candidate.id === id);
    if (found === undefined) throw new TestkitError('TEST_NODE_UNKNOWN', `the cluster has no node ${id}`, { id });
    return found;
  };
  return { nodes, nats, natsUrls, node, stop };
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
