import type { BucketSettings, MembershipRecord, Ring, RingVersion, SlotMove } from '@ringfort/ring';
import type { ClusterChange, ClusterPlan } from './changes.ts';
import type { PeerStatus } from './contract.ts';

/**
 * `joining`: no complete founding is known yet, or one that does not name this node (`NOT_A_MEMBER`: an operator must add it). `member`:
 * serves. `refused`: the cluster knows this id with another store (`STORE_REPLACED`). `left`: closed.
 */
export type MembershipState = 'joining' | 'member' | 'refused' | 'leaving' | 'left';

/** `refused`: it answered, and does not serve. */
export type FailureReason = 'no-responders' | 'timeout' | 'disconnected' | 'refused';

export type MembershipEvent =
  | { readonly type: 'ring.changed'; readonly ring: Ring }
  | { readonly type: 'node.up'; readonly node: string }
  | { readonly type: 'node.down'; readonly node: string }
  | { readonly type: 'state.changed'; readonly state: MembershipState; readonly reason?: string };

/** What the other subsystems of a node know of the cluster. Reads are synchronous and cheap: the hot path asks them for every request. */
export interface Membership {
  readonly self: string;
  readonly state: MembershipState;
  /** Why it is not (yet) a member: `ASKING_SEEDS`, `FOUNDING_INCOMPLETE`, `NOT_A_MEMBER`, `STORE_REPLACED`; absent for a member. */
  readonly reason?: string | undefined;
  /** The ring as of now; the same object until the history changes. */
  readonly ring: Ring;
  /** Whether requests should be sent to the node: up, or never heard of as down. Always true for `self`. */
  isUp(node: string): boolean;
  /** Evidence from requests. Cheap and idempotent; the detectors judge it. */
  reportFailure(node: string, reason: FailureReason): void;
  reportSuccess(node: string): void;
  peers(): readonly PeerStatus[];
  history(): readonly MembershipRecord[];
  /**
   * Exchanges records with a member until both know the same, as far as that can be. For requests that found that they do not; it is
   * cheap to ask for it many times at once. Rejects as the bus does.
   * @param told the version of the history that the member has
   */
  syncHistory(node: string, told?: RingVersion): Promise<void>;
  on(listener: (event: MembershipEvent) => void): { unsubscribe(): void };
  /** Writes a `bucket.configured` record, durable when resolved. `BUCKET_CONFLICT_FIXED` when it would change `conflict`. */
  configureBucket(bucket: string, settings: BucketSettings): Promise<BucketSettings>;
  /**
   * What changes of the cluster would do; nothing is written. `UNKNOWN_NODE`, `ALREADY_MEMBER`, `RETIRED_ID`, `LAST_NODE`, ... when they
   * make no sense.
   */
  plan(changes: readonly ClusterChange[]): Promise<ClusterPlan>;
  /** Writes the records of a plan, all or none, durable when resolved. `PLAN_STALE` when the history has moved on since. */
  commit(plan: Pick<ClusterPlan, 'basedOn' | 'changes'>): Promise<RingVersion>;
  /** Takes back what is under way, but for nodes declared dead, and says what that does. `NOTHING_TO_ABORT`. */
  abort(): Promise<ClusterPlan>;
  close(): Promise<void>;
}

/** What the hand-over of slots writes into the history, by this node about itself. */
export interface SlotRecords {
  /**
   * Records that the move is done, as far as it depends on this node: durable when resolved, and told to the next owner before all others. False:
   * it is not the partition's first move, or not this node's to record (any more), or `stillHolds`, asked at the last moment, denies it.
   */
  handOver(move: SlotMove, stillHolds: () => boolean): Promise<boolean>;
  /** Records that this node, which is leaving, is gone: its id is retired. False: it is not leaving, or owns something still. */
  depart(): Promise<boolean>;
}

/** The membership of a node, with what only the hand-over of slots may do. */
export interface NodeMembership extends Membership {
  readonly slots: SlotRecords;
}
