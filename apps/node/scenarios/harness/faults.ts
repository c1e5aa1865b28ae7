import type { TestCluster, TestNode } from '@ringfort/testkit';
import type { Load, Sample } from './load.ts';

/** A node's death under load, as seen from outside. */
export interface Death {
  readonly node: string;
  readonly atMs: number;
  /** By then its peers' connections, NATS and the operating system have all taken notice. */
  readonly noticedMs: number;
  /** Requests that had not ended when it died. */
  readonly inFlight: readonly Sample[];
}

/** From the end of the process until nats-server has read the end of its connection, on a busy machine. */
const NOTICE_MS = 100;

/** kill -9. */
export async function killUnderLoad(node: TestNode, load: Load): Promise<Death> {
  const atMs = performance.now();
  const inFlight = [...load.pending];
  node.kill('SIGKILL');
  await node.exited;
  return { node: node.id, atMs, noticedMs: performance.now() + NOTICE_MS, inFlight };
}

/** Whether the request was under way while the node died. */
export function wasUnderWayAt(sample: Sample, { atMs, noticedMs }: Death): boolean {
  return sample.intendedMs <= noticedMs && sample.endMs! >= atMs;
}

/** kill -9 of every process of the cluster at once, nats-servers first. */
export async function killAll({ nodes, nats }: TestCluster): Promise<void> {
  for (const server of nats!.servers) server.kill('SIGKILL');
  for (const node of nodes) node.kill('SIGKILL');
  await Promise.all([...nats!.servers, ...nodes].map(({ exited }) => exited));
}

/** Starts every process again, at its old place, and waits until all nodes serve. */
export async function startAll({ nodes, nats }: TestCluster): Promise<void> {
  for (const index of nats!.servers.keys()) await nats!.restart(index);
  await Promise.all(nodes.map((node) => node.start()));
  await Promise.all(nodes.map((node) => node.waitReady()));
}
