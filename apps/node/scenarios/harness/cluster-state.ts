import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { History, HistoryReport, TestCluster, TestNode } from '@ringfort/testkit';
import { bucketName, type Door, keyUrl } from './doors.ts';
import type { Figures } from './load.ts';

const POLL_MS = 50;

/** Asks again and again until the answer passes; rejects with the last one past the bound. */
export async function until<T>(
  what: string,
  probe: () => Promise<T>,
  passes: (state: T) => boolean,
  timeoutMs: number,
): Promise<T> {
  const lateMs = performance.now() + timeoutMs;
  for (;;) {
    const state = await probe();
    if (passes(state)) return state;
    if (performance.now() > lateMs)
      throw new Error(`${what}: not within ${timeoutMs} ms; last seen ${JSON.stringify(state)}`);
    await sleep(POLL_MS);
  }
}

async function json<T>(url: string): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

interface ClusterStatus {
  readonly self: string;
  readonly nodes: readonly { id: string; status: string; partitions: number; hintsHeld?: number; storage?: string }[];
}

export const clusterStatus = (node: TestNode): Promise<ClusterStatus> => json(`${node.url}/v1/cluster`);

/** Records that a node holds for others, by its own word. */
export async function hintsHeld(node: TestNode): Promise<number> {
  const { nodes } = await clusterStatus(node);
  const held = nodes.find(({ id }) => id === node.id)?.hintsHeld;
  if (held === undefined) throw new Error(`${node.id} does not tell its hints`);
  return held;
}

/** Waits until no node holds anything for another; resolves with how long that took. */
export async function hintsDrained(nodes: readonly TestNode[], timeoutMs = 20_000): Promise<number> {
  const beginMs = performance.now();
  const probe = () => Promise.all(nodes.map(hintsHeld));
  await until('hints drain to zero', probe, (held) => held.every((count) => count === 0), timeoutMs);
  return performance.now() - beginMs;
}

/** Waits until the node sees every other one in this state. */
export async function sees(
  observer: TestNode,
  ids: readonly string[],
  states: readonly string[],
  timeoutMs = 15_000,
): Promise<void> {
  const probe = async () => (await clusterStatus(observer)).nodes.filter(({ id }) => ids.includes(id));
  const passes = (seen: ClusterStatus['nodes']) =>
    seen.length === ids.length && seen.every(({ status }) => states.includes(status));
  await until(`${observer.id} sees ${ids} ${states}`, probe, passes, timeoutMs);
}

export interface Replicas {
  readonly preferenceList: readonly string[];
  readonly replicas: readonly { node: string; digest?: string; siblings?: number; error?: string }[];
}

export const replicasOf = (node: TestNode, key: string): Promise<Replicas> => json(`${keyUrl(node, key)}/replicas`);

/** Whether every primary answered and holds the same object, or none: whether one must be there is for the history to say. */
export function areEqual({ replicas }: Replicas): boolean {
  return replicas.every(({ digest, error }) => error === undefined && digest === replicas[0]!.digest);
}

/** Runs the work over all items, a few at a time. */
export async function forEachOf<T>(items: readonly T[], work: (item: T) => Promise<void>, width = 16): Promise<void> {
  const open = items.values();
  const worker = async () => {
    for (const item of open) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Of the keys, those whose replicas differ. */
export async function unequalKeys(nodes: readonly TestNode[], keys: readonly string[]): Promise<string[]> {
  const unequal: string[] = [];
  let turn = 0;
  await forEachOf(keys, async (key) => {
    if (!areEqual(await replicasOf(nodes[turn++ % nodes.length]!, key))) unequal.push(key);
  });
  return unequal;
}

/** What a reader finds under every key of the history now, and what the checker makes of it. */
export async function checkHistory(history: History, door: Door): Promise<HistoryReport> {
  const final = new Map<string, readonly string[]>();
  await forEachOf(history.keys, async (key) => {
    const { values } = await door.get(key);
    final.set(key, values);
  });
  return history.check(final);
}

/** Keys of the given prefix whose preference list passes, as many as wanted. */
export async function findKeys(
  cluster: TestCluster,
  prefix: string,
  wanted: number,
  passes: (preferenceList: readonly string[]) => boolean,
): Promise<string[]> {
  const found: string[] = [];
  for (let number = 0; found.length < wanted; number += 1) {
    if (number > wanted * 1_000) throw new Error(`no ${wanted} keys of ${prefix} pass`);
    const key = `${prefix}-${number}`;
    const { preferenceList } = await replicasOf(cluster.nodes[0]!, key);
    if (passes(preferenceList)) found.push(key);
  }
  return found;
}

export async function isReady(node: TestNode): Promise<boolean> {
  return fetch(`${node.url}/readyz`, { signal: AbortSignal.timeout(5_000) }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.ok;
    },
    () => false,
  );
}

/** Resident memory of a process in MB (10^6 bytes), from /proc. */
export function residentMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kib) * 1024) / 1e6;
}

/** CPU time that a process has used, user and system, in ms; the kernel counts it in ticks of 10 ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** One line with the figures of a scenario. */
export function summary(name: string, figures: Figures | undefined, more: Readonly<Record<string, unknown>>): void {
  const parts = { ...figures, ...more };
  const shown = Object.entries(parts).map(
    ([key, value]) => `${key}=${typeof value === 'number' ? Math.round(value * 10) / 10 : value}`,
  );
  console.log(`scenario ${name}: ${shown.join(' ')}`);
}

export { bucketName };
