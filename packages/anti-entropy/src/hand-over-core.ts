import { defaultBucketSettings, mayRecord, type Ring, type SlotMove } from '@ringfort/ring';
import type { HandOverLimits } from './hand-over-limits.ts';

/** What a node has to give away of one partition: a slot that changes hands, or records that it keeps without having a part in the partition. */
export interface Giving {
  readonly partition: number;
  /** Absent: the partition is not this node's. */
  readonly move: SlotMove | undefined;
  /** Who must hold all that this node holds before it goes on; nobody: it goes on at once. */
  readonly takers: readonly string[];
}

/** What the first move of the partition asks of this node, if anything. */
export function movingOf(ring: Ring, partition: number, self: string): Giving | undefined {
  const [move] = ring.moves(partition);
  if (move === undefined || !mayRecord(move, self)) return undefined;
  const takers = move.to === undefined ? ring.owners(partition) : [move.to];
  return { partition, move, takers: takers.filter((node) => node !== self) };
}

/** What this node should give to the owners before it forgets it, as it has no part in the partition. */
export function strayOf(ring: Ring, partition: number, self: string): Giving | undefined {
  const takers = ring.owners(partition);
  if (takers.length === 0 || hasPart(ring, partition, self)) return undefined;
  return { partition, move: undefined, takers };
}

/** Whether the node holds the partition, or is to hold it: it is one of the first of its preference list, an owner, or the next one. */
export function hasPart(ring: Ring, partition: number, node: string): boolean {
  const mostReplicas = ring.buckets.reduce((most, { settings }) => Math.max(most, settings.n), defaultBucketSettings.n);
  if (ring.preferenceList(partition).slice(0, mostReplicas).includes(node)) return true;
  return ring.owners(partition).includes(node) || ring.moves(partition).some(({ to }) => to === node);
}

/** Whether two are the same thing to do: what was begun as the one may be gone on with as the other. */
export function isSameGiving(a: Giving, b: Giving | undefined): boolean {
  if (b === undefined || a.partition !== b.partition || a.takers.length !== b.takers.length) return false;
  const sameTakers = a.takers.every((node) => b.takers.includes(node));
  return (
    sameTakers && a.move?.replica === b.move?.replica && a.move?.turn === b.move?.turn && a.move?.to === b.move?.to
  );
}

/** Whether the node has a part in no partition any more: a leaving one may go. */
export function isWithoutPart(ring: Ring, node: string): boolean {
  if (ring.partitionsOf(node).length > 0) return false;
  for (let partition = 0; partition < ring.partitions; partition++) {
    if (ring.owners(partition).includes(node) || ring.moves(partition).some(({ to }) => to === node)) return false;
  }
  return true;
}

/** How long something is left alone after so many failures in a row, at the longest. */
export function backoffAfter(failures: number, limits: Pick<HandOverLimits, 'backoffMinMs' | 'backoffMaxMs'>): number {
  return Math.min(limits.backoffMaxMs, limits.backoffMinMs * 2 ** Math.min(20, Math.max(0, failures - 1)));
}
