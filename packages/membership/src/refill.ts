import type { Bus, Clock } from '@ringfort/bus';
import { CutOffError } from './errors.ts';
import type { Standing } from './founding-core.ts';
import type { Gossip } from './gossip.ts';
import { foundingLamport, type History } from './history-core.ts';
import type { HistoryKeeper } from './history-keeper.ts';
import type { RefillableStore } from './options.ts';

export interface TakePlaceOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly self: { readonly id: string; readonly store: string };
  readonly refillable?: RefillableStore | undefined;
  readonly askTimeoutMs: number;
  readonly gossip: Gossip;
  readonly keeper: HistoryKeeper;
  readonly standingOf: (history: History) => Standing;
  /** All other nodes of the ring. */
  readonly others: () => readonly string[];
}

/** What the machine's `takePlace` stands for. */
export function takePlaceEffect(options: TakePlaceOptions): () => Promise<void> {
  const { bus, clock, self, refillable, askTimeoutMs, gossip, keeper, standingOf, others } = options;
  const mayStill = () => {
    const standing = standingOf(keeper.history);
    return standing.kind === 'replaced' && standing.refillable;
  };
  /**
   * Asks all others for what they know first: another record may have put another store in the same place, or taken the place away. Then the
   * store is marked, then the record is written: so a store that is a member by its record is never without its mark.
   * @throws CutOffError, HistoryFullError, HistoryNotPersistedError, and what the store throws
   */
  return async () => {
    if (refillable === undefined) return;
    if (bus.status !== 'connected') throw new CutOffError({ node: self.id });
    const outcomes = await Promise.all(others().map((id) => gossip.exchange(id, askTimeoutMs)));
    if (outcomes.includes('disconnected')) throw new CutOffError({ node: self.id });
    if (!mayStill()) return;
    await refillable.beginRefill();
    await keeper.author((history) => {
      if (!mayStill()) return undefined;
      const lamport = foundingLamport(history, clock.now());
      return { kind: 'store.replaced', lamport, author: self.id, node: self.id, store: self.store };
    });
  };
}
