import { CutOffError } from './errors.ts';
import { foundersOf, type Standing } from './founding-core.ts';
import type { Gossip } from './gossip.ts';
import { foundingLamport, type History } from './history-core.ts';
import type { HistoryKeeper } from './history-keeper.ts';
import type { MembershipOptions } from './options.ts';

export interface FoundingEffectsOptions {
  readonly options: MembershipOptions;
  readonly askTimeoutMs: number;
  readonly gossip: Gossip;
  readonly keeper: HistoryKeeper;
  readonly standingOf: (history: History) => Standing;
}

/** What the machine's `askSeeds` and `authorFounding` stand for. */
export function foundingEffects({ options, askTimeoutMs, gossip, keeper, standingOf }: FoundingEffectsOptions) {
  const { bus, clock, self, seeds, partitions } = options;
  const others = foundersOf(seeds).filter((id) => id !== self.id);
  return {
    /** Asks every other seed what it knows. @throws CutOffError when nothing can be concluded from silence. */
    async askSeeds(): Promise<void> {
      if (others.length > 0 && bus.status !== 'connected') throw new CutOffError({ node: self.id });
      const outcomes = await Promise.all(others.map((id) => gossip.exchange(id, askTimeoutMs)));
      if (outcomes.includes('disconnected')) throw new CutOffError({ node: self.id });
    },

    /** Persists this node's founding record, unless the history has learnt by now of something that speaks against it. */
    async authorFounding(): Promise<void> {
      await keeper.author((history) => {
        const standing = standingOf(history);
        if (standing.kind !== 'unfounded' || standing.authored) return undefined;
        const lamport = foundingLamport(history, clock.now());
        const { id, store, weight, zone } = self;
        const founders = foundersOf(seeds);
        return { kind: 'node.founded', lamport, author: id, node: id, store, weight, zone, founders, partitions };
      });
    },
  };
}
