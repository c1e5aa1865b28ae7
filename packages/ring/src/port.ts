import type { BucketSettings, RingVersion } from './contract.ts';

/** A node as the history describes it. */
export interface RingNode {
  readonly id: string;
  readonly store: string;
  readonly weight: number;
  readonly zone: string;
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
  bucket(name: string): BucketSettings;
  /** Buckets made explicitly, sorted by name. */
  readonly buckets: readonly { readonly name: string; readonly settings: BucketSettings }[];
  /**
   * All nodes in the order in which they are asked for keys of the partition: the owners (replica 0 first), then fallbacks, each node once.
   * The first n entries are the primaries of a bucket with that n. A shared frozen array: the lookup allocates nothing.
   */
  preferenceList(partition: number): readonly string[];
  /** Partitions owned by the node (among its first `replicas` places). */
  partitionsOf(node: string): readonly number[];
}

/** One place of an annotated preference list. */
export interface Place {
  readonly node: string;
  /** The primary that this node stands in for; absent when it is itself a primary. */
  readonly standsInFor?: string;
}
