import { digestOf, leavesPerPartition } from '@ringfort/storage';
import { compareNames } from './diff-core.ts';
import { packLeaves, rootOf } from './merkle-core.ts';
import type { ListedRecord, Replica } from './port.ts';

export interface MapReplicaOptions {
  /** What becomes of two values of one key: it must not matter which comes first, nor how often. */
  readonly merge: (mine: string, theirs: string) => string;
  /** Names the map on the wire: both sides must say the same. */
  readonly bucket?: string;
}

/** A map of texts as one side of an exchange. Every look sums up the whole map: for small ones, examples and tests. */
export function mapReplica(map: Map<string, string>, options: MapReplicaOptions): Replica {
  const { merge, bucket = 'map' } = options;
  const leaves = (): Map<number, string> => {
    const sums = new Map<number, bigint>();
    for (const [key, value] of map) {
      const leaf = leafOf(key);
      sums.set(leaf, (sums.get(leaf) ?? 0n) ^ BigInt(`0x${digestOf(encoder.encode(`${key}\u0000${digest(value)}`))}`));
    }
    return new Map([...sums].map(([leaf, sum]) => [leaf, sum.toString(16).padStart(16, '0')]));
  };
  return {
    barrier: 0,
    floor: 0,
    root: () => rootOf(packLeaves(leaves())),
    leaves,
    list({ leaves, after, until }, { maxItems }) {
      const all: ListedRecord[] = [...map]
        .filter(([key]) => leaves.has(leafOf(key)))
        .map(([key, value]) => ({ bucket, key, digest: digest(value) }))
        .filter((name) => after === undefined || compareNames(name, after) > 0)
        .filter((name) => until === undefined || compareNames(name, until) <= 0)
        .sort(compareNames);
      const items = all.slice(0, maxItems);
      return { items, through: items.length < all.length ? items.at(-1) : undefined };
    },
    read({ key }) {
      const value = map.get(key);
      return value === undefined ? undefined : { bytes: encoder.encode(value), digest: digest(value) };
    },
    async write({ key }, bytes) {
      const theirs = decoder.decode(bytes);
      const mine = map.get(key);
      const merged = mine === undefined ? theirs : merge(mine, theirs);
      map.set(key, merged);
      return { digest: digest(merged), merged: merged === theirs ? undefined : encoder.encode(merged) };
    },
    shares: (name) => name === bucket,
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const digest = (value: string): string => digestOf(encoder.encode(value));
const leafOf = (key: string): number =>
  Number.parseInt(digestOf(encoder.encode(key)).slice(-8), 16) % leavesPerPartition;
