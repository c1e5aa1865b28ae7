import type { SeededRandom, VirtualClock } from '../src/index.ts';
import type { SimCluster } from './cluster.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimNode } from './sim-node.ts';

/** What a fault can reach. */
export interface NemesisWorld {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly cluster: SimCluster;
  readonly random: SeededRandom;
  say(who: string, what: string): void;
}

/** Ends a fault that lasts; undefined: it was over at once. */
export type Mend = (() => void) | undefined;

/** Begins. `chosen`: whom the plan names; nobody: chance decides. */
export type Fault = (world: NemesisWorld, chosen: readonly SimNode[]) => Mend;
