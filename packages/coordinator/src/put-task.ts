import type { Deadline } from '@ringfort/bus';
import type { RecordId, WriteResult } from '@ringfort/storage';
import type { ActorId } from '@ringfort/versioning';
import type { PlacementPlan } from './placement-core.ts';
import type { Tally } from './quorum-core.ts';
import type { PooledActor } from './request-pool.ts';

/** One write under way: the object is made, it only has to reach its replicas. */
export interface PutTask {
  readonly id: RecordId;
  /** Identity of the record in this store: the id, and whether it is the primary or the stand-in record. */
  readonly recordKey: string;
  /** How many primaries the key has. */
  readonly n: number;
  /** The version of the partition's slots by which it is placed: only answers by this one make its quorum. */
  slots: number;
  plan: PlacementPlan;
  tally: Tally;
  /** How often it may yet exchange records with a node that knows other owners. */
  levellings: number;
  /** Whether it was handed to the store of this node. */
  isSubmitted: boolean;
  /** What came of the commit here; undefined while it is under way. */
  committed: WriteResult | Error | undefined;
  readonly timeoutMs: number;
  readonly startMs: number;
  readonly deadlineMs: number;
  /** Under which this node gave the write's dot; undefined: it gave none, the object comes from elsewhere. */
  readonly actor: ActorId | undefined;
  /** The partition's barrier when the object was made: what its messages carry, however late they are. */
  readonly barrier: number;
  /** Canonical bytes of the object; emptied when the story ends. */
  bytes: Uint8Array;
  /** How many places are asked to answer from disk only. */
  readonly syncs: number;
  /** How many of the next ones are. */
  syncsWanted: number;
  /** Some replica may have it: a failure is indeterminate from here on. */
  mayHaveApplied: boolean;
  /** Who tells its story; absent once it is over. */
  teller: PooledActor<PutEvent> | undefined;
  timer: Deadline | undefined;
  /** Answers the caller; once. */
  done: ((error: Error | undefined) => void) | undefined;
}

/** Commands and facts of one write. The answers themselves lie in the task's tally, counted before the event is sent. */
export type PutEvent =
  | { readonly type: 'put.start'; readonly task: PutTask }
  | { readonly type: 'replica.acknowledged' }
  | { readonly type: 'replica.failed' }
  | { readonly type: 'slots.changed' }
  | { readonly type: 'hedge.due' }
  | { readonly type: 'deadline.passed' };
