import type { Bus, Clock, Random } from '@ringfort/bus';
import type { Membership } from '@ringfort/membership';
import type { Store } from '@ringfort/storage';
import { type BarriersReply, collectBarriers } from './collect-contract.ts';
import { antiEntropyAddress } from './contract.ts';

export interface BarrierNewsOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly random: Random;
  readonly timeoutMs: number;
}

const KNOWN = 'collection/barriers-known';
const ASK_AGAIN_MS = 250;

/**
 * Whether a store knows of every collection that is complete. One that was there when the cluster was founded took part in all of them. Any other
 * one (of a node that joined, or was refilled) begins at the barriers of a member that knows it: what was collected without it, that member had a part in.
 */
export class BarrierNews {
  readonly #options: BarrierNewsOptions;
  #areKnown: boolean;
  #timer: unknown;
  #closed = false;

  constructor(options: BarrierNewsOptions) {
    this.#options = options;
    this.#areKnown = options.store.getMeta(KNOWN) !== undefined;
    if (!this.#areKnown) this.#askLater(0);
  }

  get areKnown(): boolean {
    return this.#areKnown || this.#isFounder();
  }

  close(): void {
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#timer);
  }

  #isFounder(): boolean {
    const { membership, store } = this.#options;
    this.#areKnown = membership
      .history()
      .some(
        (record) => record.kind === 'node.founded' && record.node === membership.self && record.store === store.storeId,
      );
    return this.#areKnown;
  }

  #askLater(ms: number): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      if (this.#closed || this.areKnown) return;
      this.#ask().then(
        () => this.#askLater(ASK_AGAIN_MS),
        () => this.#askLater(ASK_AGAIN_MS),
      );
    }, ms);
  }

  async #ask(): Promise<void> {
    const { membership, store } = this.#options;
    if (membership.state !== 'member') return;
    const others = membership.ring.nodes.filter(({ id }) => id !== membership.self).map(({ id }) => id);
    const answers = await Promise.all(others.map((node) => this.#askOne(node)));
    const known = answers.find((answer) => answer?.known === true);
    if (known === undefined && answers.includes(undefined)) return;
    // Where nobody knows of any, and all have said so, there was none.
    const barriers = known?.barriers ?? [];
    await Promise.all(barriers.map(({ partition, barrier }) => store.raiseBarrier(partition, barrier)));
    await store.putMeta(KNOWN, Uint8Array.of(1));
    this.#areKnown = true;
  }

  /** Undefined: it cannot be asked now. */
  async #askOne(node: string): Promise<BarriersReply | undefined> {
    const { bus, membership, store, timeoutMs } = this.#options;
    const request = { node: membership.self, store: store.storeId };
    try {
      return await bus.request(antiEntropyAddress(node), collectBarriers, request, { timeoutMs });
    } catch (error) {
      // A node of an earlier version takes part in no collection.
      if ((error as { code?: unknown }).code === 'UNKNOWN_VERB') return { known: false, barriers: [] };
      return undefined;
    }
  }
}
