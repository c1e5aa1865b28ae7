import type { Bus, Clock, Random } from '@ringfort/bus';
import { nodeFoundedSchema, nodeIdSchema } from '@ringfort/ring/contract';
import type { NodeInfo } from './contract.ts';
import { InvalidMembershipOptionsError } from './errors.ts';
import { foundersOf } from './founding-core.ts';
import type { HistoryLimits } from './history-core.ts';
import type { HistoryLog } from './history-log.ts';
import type { Logger } from './logger.ts';

/** Milliseconds; each has a default. */
export interface MembershipIntervals {
  /** One exchange with one random peer per round; jittered by a tenth. 1,000. */
  readonly gossipMs: number;
  /** Deadline of an ordinary exchange. 1,000. */
  readonly gossipTimeoutMs: number;
  /** Deadline of a probe: a hung peer is known to be down this long after its first unanswered request. 250. */
  readonly probeTimeoutMs: number;
  /** Deadline of each question to a seed before founding. 1,000. */
  readonly askTimeoutMs: number;
  /** Silence after which a peer is suspected; by default from the number of nodes (`suspectAfterMs()` in `detector-core.ts`; 5 nodes: 5 s). */
  readonly suspectAfterMs?: number | undefined;
}

export const defaultIntervals: MembershipIntervals = {
  gossipMs: 1000,
  gossipTimeoutMs: 1000,
  probeTimeoutMs: 250,
  askTimeoutMs: 1000,
};

/** A store that can take the place of a lost one; `Store` of `@ringfort/storage` is one. */
export interface RefillableStore {
  /** Whether it holds nothing, or has begun to take another one's place. */
  mayTakePlace(): boolean;
  /** Until it is filled it must not answer that something is not there. Durable when resolved. */
  beginRefill(): Promise<void>;
}

export interface MembershipOptions {
  /** A bus whose identity is `node.<self.id>`. It stays open when the membership is closed. */
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: HistoryLog;
  readonly self: {
    readonly id: string;
    /** Identity of the data directory: `Store.storeId`. */
    readonly store: string;
    readonly weight: number;
    readonly zone: string;
    /** Asked anew for every exchange; small. */
    readonly info: () => NodeInfo;
  };
  /** Admits an empty store in the place of the one that the cluster knows this node with; absent: such a node is refused. */
  readonly refillable?: RefillableStore | undefined;
  /** Ids of the nodes to ask at start. A node whose own id is among them is a founder, and all founders must have the same list. */
  readonly seeds: readonly string[];
  /** Q of a cluster that is founded; once it is, the history tells. */
  readonly partitions: number;
  readonly intervals?: Partial<MembershipIntervals> | undefined;
  readonly limits?: HistoryLimits | undefined;
  readonly logger?: Logger | undefined;
}

/** @throws InvalidMembershipOptionsError */
export function checkOptions(options: MembershipOptions): void {
  const { self, seeds, partitions, bus } = options;
  const fail = (problem: string): never => {
    throw new InvalidMembershipOptionsError({ problem });
  };
  if (bus.self !== `node.${self.id}`) fail(`the bus is that of "${bus.self}", not of "node.${self.id}"`);
  if (seeds.length === 0) fail('there are no seeds: name at least one node, itself to found a cluster of one');
  for (const seed of seeds)
    if (!nodeIdSchema.safeParse(seed).success) fail(`seed ${JSON.stringify(seed)} is not a node id`);
  const founder = { kind: 'node.founded', lamport: 0, author: self.id, node: self.id, founders: [self.id], partitions };
  const checked = nodeFoundedSchema.safeParse({ ...founder, store: self.store, weight: self.weight, zone: self.zone });
  if (!checked.success) fail(`${checked.error.issues[0]?.path.join('.')}: ${checked.error.issues[0]?.message}`);
  if (foundersOf(seeds).length > 256) fail('at most 256 nodes can found a cluster');
}
