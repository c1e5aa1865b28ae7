import type { RecordId, Store } from '@ringfort/storage';
import { decodeObject, mergeObjects, type VersionedObject } from '@ringfort/versioning';
import type { SimCluster } from './cluster.ts';
import type { NemesisKind, SimPlan } from './plan-shape.ts';
import type { BrokenInvariant } from './violations.ts';
import { readable } from './watched-store.ts';

/** What one primary holds of one key. */
export interface ReplicaCopy {
  readonly key: string;
  readonly node: string;
  /** Of the replicated bytes; undefined: it holds nothing, or nothing that can be read. */
  readonly digest: string | undefined;
  readonly object: VersionedObject | undefined;
}

/** What one stand-in keeps of one key. */
export type OwedCopy = Pick<ReplicaCopy, 'key' | 'node'> & { readonly object: VersionedObject };

/** What the primaries of these keys hold; nodes whose disk was exchanged are left out: the cluster refuses them. */
export function replicaCopies({ nodes, wiped }: SimCluster, ids: readonly RecordId[], n: number): ReplicaCopy[] {
  const ring = nodes.find(({ life }) => life?.membership.ring.founded)?.life?.membership.ring;
  if (ring === undefined) return [];
  return ids.flatMap((id) =>
    ring
      .preferenceList(id.partition)
      .slice(0, n)
      .filter((node) => !wiped.has(node))
      .flatMap((node) => {
        const store = nodes.find((one) => one.id === node)?.life?.store;
        return store === undefined ? [] : [copyOf(store, node, id)];
      }),
  );
}

const ALL = { maxItems: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY };

/**
 * What stand-ins keep for nodes whose disk was exchanged. The cluster refuses those for as long as the run lasts, so that for them the faults have not
 * ended: what they are owed is neither delivered nor lost.
 */
export function owedToRefused({ nodes, wiped }: SimCluster): OwedCopy[] {
  return nodes.flatMap(({ id: node, life }) =>
    [...wiped].flatMap((target) =>
      (life?.store.hints(target, undefined, ALL).items ?? []).flatMap(({ id, bytes }) =>
        bytes === undefined ? [] : [{ key: id.key, node, object: decodeObject(bytes) }],
      ),
    ),
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

/** Whether hints alone make the replicas equal, without any client reading. */
export function handoffSuffices({ nemeses, strikes, maxHintBytesPerTarget }: SimPlan): boolean {
  const kinds = [...nemeses, ...strikes].map(({ kind }) => kind);
  return maxHintBytesPerTarget >= AMPLE_HINT_BYTES && kinds.every((kind) => forgetsNothing.has(kind));
}

/**
 * S2: all replicas are byte-identical. As long as there is no anti-entropy that is so once hints are delivered (where {@link handoffSuffices}), and
 * else after one read of every key.
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

/**
 * The values of each key that any replica holds, once it has been handed what is owed to refused nodes still: whoever takes the place of such a
 * node will have that, and a read that asks its stand-in finds it today.
 */
export function finalValues(copies: readonly ReplicaCopy[], owed: readonly OwedCopy[] = []): Map<string, string[]> {
  const final = new Map<string, Set<string>>();
  for (const { key, object } of copies) {
    const all = owed.filter((one) => one.key === key).reduce<VersionedObject | undefined>(merged, object);
    final.set(key, new Set([...(final.get(key) ?? []), ...valuesOf(all)]));
  }
  return new Map([...final].map(([key, values]) => [key, [...values]]));
}

const merged = (held: VersionedObject | undefined, { object }: OwedCopy) =>
  held === undefined ? object : mergeObjects(held, object);

function valuesOf(object: VersionedObject | undefined): string[] {
  return (object?.siblings ?? []).flatMap(({ value }) => (value ? [Buffer.from(value).toString()] : []));
}

function copyOf(store: Store, node: string, id: RecordId): ReplicaCopy {
  const record = readable(store).read(id);
  return { key: id.key, node, digest: record?.digest, object: record?.object };
}
