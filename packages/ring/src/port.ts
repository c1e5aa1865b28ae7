import type { BucketSettings, RingVersion } from './contract.ts';

/** A node as the history describes it. */
export interface RingNode {
  readonly id: string;
  readonly store: string;
  readonly weight: number;
  readonly zone: string;
  /** It gives its slots away and is given none. */
  readonly leaving?: true;
}

/** A slot whose owner is not the one that it should have. */
export interface SlotMove {
  readonly partition: number;
  readonly replica: number;
  /** How often the slot has changed hands so far. */
  readonly turn: number;
  /** Who owns the slot, or owned it last; absent for a slot that nobody owned. */
  readonly from?: string;
  /** Who shall own it; absent: the slot is to be closed. */
  readonly to?: string;
  /** Whether nobody owns the slot now: its owner was declared dead, or it is new. */
  readonly vacant: boolean;
  /** Who has to record the hand-over: `from`, or for a vacant slot every other owner of the partition, the first one first. */
  readonly recorders: readonly string[];
  /** Who has recorded it already; `to` is fixed as soon as one has. */
  readonly recorded: readonly string[];
}

/**
 * The ring: a pure value, the fold of a membership history. Immutable; every array it hands out is frozen and shared.
 */
export interface Ring {
  readonly version: RingVersion;
  /** Whether the founding is complete; before it there are no owners. */
  readonly founded: boolean;
  /** Q. */
  readonly partitions: number;
  /** Sorted by id. */
  readonly nodes: readonly RingNode[];
  node(id: string): RingNode | undefined;
  /** Whether the id is that of a member, or was once: removed, replaced, or left. */
  knows(id: string): boolean;
  bucket(name: string): BucketSettings;
  /** Buckets made explicitly, sorted by name. */
  readonly buckets: readonly { readonly name: string; readonly settings: BucketSettings }[];
  /**
   * Nodes in the order in which they are asked for keys of the partition: the owners (replica 0 first), then fallbacks, each node once; all
   * nodes but those that are leaving and own nothing of the partition.
   * The first n entries are the primaries of a bucket with that n. In the place of a vacant slot stands who is to fill it: it is written to,
   * but does not count in strict quorums ({@link owners}) before the slot is handed over. A shared frozen array: the lookup allocates nothing.
   */
  preferenceList(partition: number): readonly string[];
  /** Those of the first places that own their slots now. A shared frozen array. */
  owners(partition: number): readonly string[];
  /** Who should own the partition's slots: what its owners become when all {@link moves} are done. A shared frozen array. */
  targets(partition: number): readonly string[];
  /**
   * Stands for who owns which slot of the partition: requests carry it, and who has another one does not serve them as an owner. A whole
   * number below 2^53; the higher of two is usually the newer.
   */
  slotVersion(partition: number): number;
  /** What is still to be handed over in the partition, in order: only the first may go on. Frozen. */
  moves(partition: number): readonly SlotMove[];
  /** Partitions in whose first places the node stands. */
  partitionsOf(node: string): readonly number[];
}

/** One place of an annotated preference list. */
export interface Place {
  readonly node: string;
  /** The primary that this node stands in for; absent when it is itself a primary. */
  readonly standsInFor?: string;
}
