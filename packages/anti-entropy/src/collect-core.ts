import type { Ring } from '@ringfort/ring';
import type { ActorId, VersionedObject } from '@ringfort/versioning';
import { liveSiblings } from '@ringfort/versioning';
import type { CollectableRecord } from './collect-contract.ts';

/** So many actors that no sibling needs are left in a clock: below that, shortening is not worth a collection. */
export const spareActors = 8;

/** What can be collected of an object, if anything: all of it, once nothing of it is shown any more, or the part of its clock that no sibling needs. */
export function takenOf(object: VersionedObject, nowMs: number): CollectableRecord['takes'] | undefined {
  if (liveSiblings(object, nowMs).length === 0) return 'record';
  const { vector, cloud } = object.clock;
  if (vector.size + cloud.size <= spareActors) return undefined;
  const needed = actorsOf(object);
  let spare = 0;
  for (const actor of vector.keys()) if (!needed.has(actor)) spare += 1;
  for (const actor of cloud.keys()) if (!needed.has(actor) && !vector.has(actor)) spare += 1;
  return spare > spareActors ? 'clock' : undefined;
}

/** The object without what its clock knows of actors that none of its siblings comes from. The same wherever the object is. */
export function shortened({ siblings, clock }: VersionedObject): VersionedObject {
  const needed = actorsOf({ siblings, clock });
  const vector = new Map([...clock.vector].filter(([actor]) => needed.has(actor)));
  const cloud = new Map([...clock.cloud].filter(([actor]) => needed.has(actor)));
  return { siblings, clock: { vector, cloud } };
}

function actorsOf({ siblings }: VersionedObject): Set<ActorId> {
  return new Set(siblings.map(({ dot }) => dot.actor));
}

/** The nodes that hold a bucket's records of a partition. */
export function primariesOf(ring: Ring, partition: number, bucket: string): readonly string[] {
  return ring.preferenceList(partition).slice(0, ring.bucket(bucket).n);
}

/** Whether all know who owns the partition, and nobody is about to own it. */
export function isSettled(ring: Ring, partition: number): boolean {
  return ring.founded && partition < ring.partitions && ring.moves(partition).length === 0;
}

/** Who drives the collections of a partition: its first owner that is up. Two of them at once only get into each other's way. */
export function isDriver(ring: Ring, partition: number, self: string, isUp: (node: string) => boolean): boolean {
  return ring.owners(partition).find(isUp) === self;
}

/** The next barrier: above all that any member adopted, as far as is known; by how much is left to chance, so that what a lost disk had adopted is hardly used again. */
export function nextBarrier(adopted: Iterable<number>, below: (n: number) => number): number {
  return Math.max(0, ...adopted) + 1 + below(64);
}

/** Indices of the records that all primaries hold, by what each of them answered. */
export function heldByAll(
  records: readonly CollectableRecord[],
  ring: Ring,
  partition: number,
  held: ReadonlyMap<string, ReadonlySet<number>>,
): CollectableRecord[] {
  return records.filter((record, index) =>
    primariesOf(ring, partition, record.bucket).every((node) => held.get(node)?.has(index) === true),
  );
}
