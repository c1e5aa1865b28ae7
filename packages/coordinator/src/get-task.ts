import type { Deadline } from '@ringfort/bus';
import type { RecordId } from '@ringfort/storage';
import type { VersionedObject } from '@ringfort/versioning';
import type { PlacementPlan } from './placement-core.ts';
import type { Tally } from './quorum-core.ts';
import type { PooledActor } from './request-pool.ts';

/** In place of a digest: the replica has a record, and cannot read it. */
export const UNREADABLE = 'unreadable';

/** What is known of one replica of a key: nothing stored, an object with its digest, or {@link UNREADABLE}. */
export interface ReplicaCopy {
  readonly node: string;
  readonly standIn: boolean;
  readonly digest: string | undefined;
}

/** One read under way: plain data that the machine's guards judge and its actions work on. */
export interface GetTask {
  readonly id: RecordId;
  /** How many primaries the key has. */
  readonly n: number;
  /** The version of the partition's slots by which it is placed: only answers by this one make its quorum. */
  slots: number;
  plan: PlacementPlan;
  tally: Tally;
  /** The strict quorum cannot be met by those that are up: fail at once, ask nobody. */
  readonly refused: boolean;
  /** How often it may yet exchange records with a node that knows other owners. */
  levellings: number;
  readonly timeoutMs: number;
  readonly startMs: number;
  readonly deadlineMs: number;
  /** The lowest barrier of what was read: what a repair carries. */
  barrier: number;
  /** The union of what the replicas answered so far. */
  merged: VersionedObject | undefined;
  /** Digest of this node's own copy: replicas that hold the same answer without the object. */
  have: string | undefined;
  copies: ReplicaCopy[];
  /** Who tells its story; absent once it is over. */
  teller: PooledActor<GetEvent> | undefined;
  timer: Deadline | undefined;
  /** Answers the caller; once. */
  done: ((error: Error | undefined, object: VersionedObject | undefined) => void) | undefined;
  /** Told once, after the repair: whether all N were heard, and now hold the same. */
  repaired: ((whole: boolean) => void) | undefined;
}

/** Commands and facts of one read. The answers themselves lie in the task's tally, counted before the event is sent. */
export type GetEvent =
  | { readonly type: 'get.start'; readonly task: GetTask }
  | { readonly type: 'replica.answered' }
  | { readonly type: 'replica.failed' }
  | { readonly type: 'slots.changed' }
  | { readonly type: 'hedge.due' }
  | { readonly type: 'deadline.passed' };
