import type { Bus, Clock } from '@ringfort/bus';
import type { Gossip } from './gossip.ts';

/** Probes in flight; a peer that finds no room is probed in a later round. */
const maxProbes = 32;
/** A peer that just started may be heard before NATS has spread the news of its subscriptions: a failed probe is repeated this much later. */
const repeatMs = 150;

export interface ProbesOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly gossip: Gossip;
  readonly timeoutMs: number;
}

/** Sends probes: exchanges with a short deadline, one per peer at a time, none while this node itself is cut off. */
export class Probes {
  readonly #options: ProbesOptions;
  readonly #inFlight = new Set<string>();
  readonly #repeats = new Map<string, unknown>();

  constructor(options: ProbesOptions) {
    this.#options = options;
  }

  probe(node: string): void {
    const { bus, gossip, timeoutMs } = this.#options;
    if (bus.status !== 'connected' || this.#inFlight.has(node) || this.#inFlight.size >= maxProbes) return;
    this.#inFlight.add(node);
    void gossip.exchange(node, timeoutMs, 'probe').finally(() => this.#inFlight.delete(node));
  }

  /** Probes once more, a little later, unless `settled` says then that there is no need. */
  repeatLater(node: string, settled: () => boolean): void {
    const { clock } = this.#options;
    if (this.#repeats.has(node) || this.#repeats.size >= maxProbes) return;
    const repeat = () => {
      this.#repeats.delete(node);
      if (!settled()) this.probe(node);
    };
    this.#repeats.set(node, clock.setTimeout(repeat, repeatMs));
  }

  stop(): void {
    for (const timer of this.#repeats.values()) this.#options.clock.clearTimeout(timer);
    this.#repeats.clear();
  }
}
