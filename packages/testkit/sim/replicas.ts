import type { RecordId, Store } from '@ringfort/storage';
import type { VersionedObject } from '@ringfort/versioning';
import type { SimCluster } from './cluster.ts';
import type { NemesisKind, SimPlan } from './plan-shape.ts';
import { N } from './sim-client.ts';
import type { SimNode } from './sim-node.ts';
import type { BrokenInvariant } from './violations.ts';
import { readable } from './watched-store.ts';

/** What one primary holds of one key. */
export interface ReplicaCopy {
  readonly key: string;
  readonly node: string;
  /** Of the replicated bytes; undefined: it holds nothing, or nothing that can be read. */
  readonly digest: string | undefined;
  readonly object: VersionedObject | undefined;
  /** It holds something that it cannot read. */
  readonly isCorrupt: boolean;
}

/** What the primaries of these keys hold. */
export function replicaCopies({ nodes, ring }: SimCluster, ids: readonly RecordId[], n: number): ReplicaCopy[] {
  if (ring === undefined) return [];
  return ids.flatMap((id) =>
    ring
      .preferenceList(id.partition)
      .slice(0, n)
      .flatMap((node) => {
        const store = nodes.find((one) => one.id === node)?.life?.store;
        return store === undefined ? [] : [copyOf(store, node, id)];
      }),
  );
}

/** Faults that take nothing from a node that it had in memory, or on disk: every write's coordinator lives to leave the hints that it owes. */
const forgetsNothing: ReadonlySet<NemesisKind> = new Set([
  'cut',
  'cutOneWay',
  'split',
  'disconnect',
  'pause',
  'slow',
  'clockJump',
  'slowDisk',
  'flap',
  'clockDrift',
]);
/** More than any run's hints. */
const AMPLE_HINT_BYTES = 1_000_000;

/** Whether hints alone make the replicas equal, without any client reading or any exchange. */
export function handoffSuffices({ nemeses, strikes, maxHintBytesPerTarget }: SimPlan): boolean {
  const kinds = [...nemeses, ...strikes].map(({ kind }) => kind);
  return maxHintBytesPerTarget >= AMPLE_HINT_BYTES && kinds.every((kind) => forgetsNothing.has(kind));
}

/**
 * Records that lie corrupt on a disk while another replica holds the key. Looked at where they lie: what a node has in memory may be whole still.
 */
export function rotLeft(cluster: SimCluster): string[] {
  const { rotten, ids, nodes } = cluster;
  const ring = rotten?.life?.membership.ring;
  if (rotten === undefined || ring === undefined) return [];
  const disk = rotten.disk.peek();
  return ids.flatMap((id) => {
    const holds = ({ id: node, life }: SimNode) =>
      node !== rotten.id && life !== undefined && readable(life.store).read(id) !== undefined;
    const others = ring.preferenceList(id.partition).slice(0, N);
    const isHeld = nodes.some((node) => others.includes(node.id) && holds(node));
    return isHeld && isUnreadable(disk, id) ? [`${id.key} on ${rotten.id}`] : [];
  });
}

/** Copies of keys that no replica has lost to rot: that is found by whoever reads it. */
export function readableKeys(copies: readonly ReplicaCopy[]): ReplicaCopy[] {
  const rotten = new Set(copies.filter(({ isCorrupt }) => isCorrupt).map(({ key }) => key));
  return copies.filter(({ key }) => !rotten.has(key));
}

/**
 * S2: all replicas are byte-identical. With anti-entropy that is so a while after the faults, without any read; where that is off, once hints are
 * delivered (where {@link handoffSuffices}), and else after one read of every key.
 */
export function checkReplicas(copies: readonly ReplicaCopy[], when: string): BrokenInvariant[] {
  return [...new Set(copies.map(({ key }) => key))].flatMap((key) => {
    const all = copies.filter((copy) => copy.key === key);
    if (new Set(all.map(({ digest }) => digest)).size <= 1) return [];
    const what = all
      .map(({ node, digest, object }) => `${node} ${digest ?? 'nothing'} [${valuesOf(object).join(' ')}]`)
      .join('; ');
    return [{ invariant: 'S2' as const, key, what: `${key}: replicas differ ${when}: ${what}` }];
  });
}

/** The values of each key that any replica holds. */
export function finalValues(copies: readonly ReplicaCopy[]): Map<string, string[]> {
  const final = new Map<string, Set<string>>();
  for (const { key, object } of copies) final.set(key, new Set([...(final.get(key) ?? []), ...valuesOf(object)]));
  return new Map([...final].map(([key, values]) => [key, [...values]]));
}

function valuesOf(object: VersionedObject | undefined): string[] {
  return (object?.siblings ?? []).flatMap(({ value }) => (value ? [Buffer.from(value).toString()] : []));
}

function copyOf(store: Store, node: string, id: RecordId): ReplicaCopy {
  const record = readable(store).read(id);
  const isCorrupt = record === undefined && isUnreadable(store, id);
  return { key: id.key, node, digest: record?.digest, object: record?.object, isCorrupt };
}

function isUnreadable(store: Store, id: RecordId): boolean {
  try {
    store.read(id);
    return false;
  } catch {
    return true;
  }
}
