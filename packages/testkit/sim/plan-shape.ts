import type { Durability } from '@ringfort/storage';
import type { SeededRandom } from '../src/index.ts';
import type { LinkFaultRates } from './link-faults.ts';

/** What can happen to nodes and links from outside, each by a nemesis of its own. */
export const nemesisKinds = [
  'cut',
  'cutOneWay',
  'split',
  'disconnect',
  'crash',
  'powerLoss',
  'blackout',
  'restart',
  'pause',
  'slow',
  'clockJump',
  'slowDisk',
  'lostTail',
  'wipe',
  'flap',
  'clockDrift',
  'fullDisk',
  'corrupt',
  'addNode',
  'leave',
  'stay',
  'removeNode',
  'replaceNode',
  'reweight',
  'abortChange',
] as const;
export type NemesisKind = (typeof nemesisKinds)[number];

/** One kind of fault: on average every `everyMs` it begins, and lasts `forMs` on average. */
export interface NemesisPlan {
  readonly kind: NemesisKind;
  readonly everyMs: number;
  readonly forMs: number;
}

/** A fault at one time. */
export interface Strike {
  readonly kind: NemesisKind;
  readonly atMs: number;
  readonly forMs: number;
  /** Nodes by their places in the preference list of the first key: its primaries are 0, 1 and 2. None: chance decides. */
  readonly on: readonly number[];
}

/** How the bucket that all clients use settles conflicts, and whether what is written there expires. */
export type BucketKind = 'siblings' | 'lww' | 'ttl';

export interface Workload {
  readonly bucket: BucketKind;
  readonly clients: number;
  readonly keys: number;
  /** The share of requests that goes to the first key. */
  readonly hotShare: number;
  readonly thinkMs: number;
  /** How often the next request does not wait for the one before. */
  readonly overlap: number;
  /** Relative weights. */
  readonly mix: Readonly<
    Record<'get' | 'blindPut' | 'update' | 'stalePut' | 'ownPut' | 'delete' | 'blindDelete', number>
  >;
  /** Whether requests name r, w, dw and sloppy by themselves. */
  readonly quorums: boolean;
  /** Whether those that name none ask for primaries alone. */
  readonly strict: boolean;
  readonly timeoutsMs: readonly number[];
}

/** All that a run is made of; drawn from its seed. */
export interface SimPlan {
  readonly seed: number;
  readonly scenario: string;
  readonly nodes: number;
  readonly partitions: number;
  readonly durability: Durability;
  readonly maxHintBytesPerTarget: number;
  readonly maxInFlight: number;
  readonly maxSiblings: number;
  /** How often replicas are compared; 0: never. */
  readonly antiEntropyMs: number;
  /** How often what was deleted is collected; 0: never. */
  readonly collectMs: number;
  /** How long writes that are older than a collection have to arrive before they are refused. */
  readonly courtesyMs: number;
  /** How often each store reads all that it holds; 0: never. */
  readonly scrubMs: number;
  /** How long faults and clients go on. */
  readonly loadMs: number;
  /** Requests in all, at most. */
  readonly maxRequests: number;
  readonly links: LinkFaultRates;
  readonly nemeses: readonly NemesisPlan[];
  readonly strikes: readonly Strike[];
  /** How many of all those faults may begin; absent: any number. */
  readonly maxFaults?: number | undefined;
  readonly workload: Workload;
}

/** A named way to draw a plan: the faults that it allows, and what it fixes. */
export interface Scenario {
  readonly about: string;
  readonly faults: readonly NemesisKind[];
  readonly linkFaults: boolean;
  /** Whether the bucket is of any kind; else it keeps siblings. */
  readonly anyBucket?: boolean;
  /** Whether what was deleted is collected, as no node does unless it is told to. */
  readonly collects?: boolean;
  readonly fix?: (plan: SimPlan, random: SeededRandom) => SimPlan;
}
