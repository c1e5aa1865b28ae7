import { AntiEntropyError } from './errors.ts';

/** The two nodes do not know the same cluster, or slots of the partition are moving: what one of them counts may not be all. */
export class CollectionUnsettledError extends AntiEntropyError {
  readonly code = 'COLLECTION_UNSETTLED';
  constructor(partition: number) {
    super(
      `partition ${partition} is not collected while the cluster changes: it is tried again when all members know the same`,
      {
        partition,
      },
    );
  }
}

/** Another collection has used this barrier, or a higher one. */
export class CollectionSupersededError extends AntiEntropyError {
  readonly code = 'COLLECTION_SUPERSEDED';
  constructor(partition: number, barrier: number, adopted: number) {
    super(
      `barrier ${barrier} of partition ${partition} is taken, ${adopted} is adopted here: the next one begins above that`,
      {
        partition,
        barrier,
        adopted,
      },
    );
  }
}

/** This node holds copies of the partition that are not its own (any more), which may be older than what is to be collected. */
export class CopiesHeldError extends AntiEntropyError {
  readonly code = 'COPIES_HELD';
  constructor(partition: number) {
    super(`partition ${partition} has copies here that belong to other nodes: once those have them, they go`, {
      partition,
    });
  }
}

/** What leaves this node may lie before the barrier: it has not adopted it, or keeps older records for others again. */
export class NotAdoptedError extends AntiEntropyError {
  readonly code = 'BARRIER_NOT_ADOPTED';
  constructor(partition: number, barrier: number, label: number) {
    super(`barrier ${barrier} of partition ${partition} is not adopted here (${label} is): ask for that first`, {
      partition,
      barrier,
      label,
    });
  }
}

/** A member is down: without it nothing is collected. */
export class MemberDownError extends AntiEntropyError {
  readonly code = 'MEMBER_DOWN';
  constructor(partition: number, node: string) {
    super(`${node} is down: partition ${partition} is collected when all members are up`, { partition, node });
  }
}
