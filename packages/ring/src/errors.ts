/** Base of this package's failures: a stable `code` and plain `details` that survive the wire. */
export abstract class RingError extends Error {
  abstract readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(message: string, details: Record<string, unknown>) {
    super(message);
    this.name = new.target.name;
    this.details = details;
  }
}

/** A lookup before the founding is complete: there are no owners yet. */
export class RingUnfoundedError extends RingError {
  readonly code = 'RING_UNFOUNDED';

  constructor(size: number) {
    super('the cluster is not founded yet: ask again once all founders have written their founding record', {
      records: size,
    });
  }
}

/** A partition number outside the ring. */
export class PartitionOutOfRangeError extends RingError {
  readonly code = 'PARTITION_OUT_OF_RANGE';

  constructor(partition: number, partitions: number) {
    super(`partition ${partition} is not one of 0..${partitions - 1}: use partitionOf(bucket, key, ring.partitions)`, {
      partition,
      partitions,
    });
  }
}

/** A plan between rings of different Q: keys would fall into other partitions, which no transfer of slots can bring about. */
export class PartitionsDifferError extends RingError {
  readonly code = 'PARTITIONS_DIFFER';

  constructor(from: number, to: number) {
    super(`a plan needs two rings of one cluster, but one has ${from} partitions and the other ${to}`, { from, to });
  }
}
