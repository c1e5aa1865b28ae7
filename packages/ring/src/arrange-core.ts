import { type OwnerTable, type Slots, vacant } from './slots-core.ts';

function swap(slots: Slots, partition: number, a: number, b: number): void {
  if (a === b) return;
  const [atA, atB] = [slots.take(partition, a), slots.take(partition, b)];
  slots.put(partition, a, atB);
  slots.put(partition, b, atA);
}

const maxPasses = 16;

/**
 * Orders the owners of each partition of a new table so that the replica numbers, too, lie evenly: the first owner coordinates, and
 * buckets with a smaller n use the first ones alone. Owners of a partition swap places while that brings one of them nearer to its part
 * of the place than it takes the other away; at most 16 passes, each of which only improves.
 */
export function spreadReplicas(slots: Slots): void {
  for (let replica = 0; replica + 1 < slots.replicas; replica++) {
    for (let pass = 0; pass < maxPasses && spreadOnce(slots, replica); pass++);
  }
}

function spreadOnce(slots: Slots, replica: number): boolean {
  let changed = false;
  for (let partition = 0; partition < slots.partitions; partition++) {
    for (let other = replica + 1; other < slots.replicas; other++) {
      const here = slots.rows[partition * slots.replicas + replica]!;
      const there = slots.rows[partition * slots.replicas + other]!;
      if (gainOf(slots, here, replica, -1) + gainOf(slots, there, replica, 1) <= 1e-9) continue;
      swap(slots, partition, replica, other);
      changed = true;
    }
  }
  return changed;
}

/** How much nearer the node comes to its part of the place with `change` more of it: the drop of the squared difference, relative to the part. */
function gainOf(slots: Slots, node: number, replica: number, change: 1 | -1): number {
  const part = slots.feasible.shares[node]! / slots.replicas;
  const excess = slots.columnLoad[node * slots.replicas + replica]! - part;
  return (excess ** 2 - (excess + change) ** 2) / part;
}

/** Gives everyone who stays the replica number that it had: so a slot changes hands only where a partition's owners change. */
export function keepReplicas(slots: Slots, origin: OwnerTable): void {
  for (let partition = 0; partition < slots.partitions; partition++) {
    for (let replica = 0; replica < Math.min(slots.replicas, origin.replicas); replica++) {
      const before = origin.owners[partition * origin.replicas + replica]!;
      const now = before === vacant ? -1 : slots.replicaOf(partition, before);
      if (now !== -1) swap(slots, partition, replica, now);
    }
  }
}
