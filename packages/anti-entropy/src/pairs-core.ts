import { defaultBucketSettings, type Ring } from '@ringfort/ring';
import type { LeafScope } from '@ringfort/storage';

/** What two nodes share of a partition: `none`, all of it (undefined), or some buckets. */
export type Shared = 'none' | LeafScope | undefined;

/**
 * The first n nodes of a preference list hold a bucket, and n is the bucket's: so two nodes share the buckets whose n reaches the one of them
 * that is further down.
 */
export function sharedBuckets(ring: Ring, partition: number, self: string, peer: string): Shared {
  if (!ring.founded || partition >= ring.partitions) return 'none';
  const list = ring.preferenceList(partition);
  const [own, other] = [list.indexOf(self), list.indexOf(peer)];
  if (own < 0 || other < 0 || self === peer) return 'none';
  const needed = Math.max(own, other) + 1;
  const reaching = (isWanted: boolean) =>
    ring.buckets.filter(({ settings }) => settings.n >= needed === isWanted).map(({ name }) => name);
  if (needed <= defaultBucketSettings.n) {
    const buckets = reaching(false);
    return buckets.length === 0 ? undefined : { buckets, except: true };
  }
  const buckets = reaching(true);
  return buckets.length === 0 ? 'none' : { buckets, except: false };
}

/** The partitions that a node shares with each other one. */
export function pairsOf(ring: Ring, self: string): Map<string, number[]> {
  const pairs = new Map<string, number[]>();
  const mostReplicas = ring.buckets.reduce((most, { settings }) => Math.max(most, settings.n), defaultBucketSettings.n);
  for (const partition of partitionsWith(ring, self, mostReplicas)) {
    const list = ring.preferenceList(partition).slice(0, mostReplicas);
    if (!list.includes(self)) continue;
    for (const peer of list) {
      if (sharedBuckets(ring, partition, self, peer) === 'none') continue;
      const shared = pairs.get(peer) ?? [];
      shared.push(partition);
      pairs.set(peer, shared);
    }
  }
  return pairs;
}

/** Those in which the node may be one of the first: its own where no bucket has more replicas than owners, else all. */
function partitionsWith(ring: Ring, self: string, mostReplicas: number): Iterable<number> {
  if (!ring.founded) return [];
  if (mostReplicas <= defaultBucketSettings.n) return ring.partitionsOf(self);
  return Array.from({ length: ring.partitions }, (_, partition) => partition);
}

/** Of two nodes the one that begins the exchanges of a partition: half of the partitions each. */
export function begins(partition: number, self: string, peer: string): boolean {
  return (partition % 2 === 0) === self < peer;
}
