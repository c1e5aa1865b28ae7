import type { Clock, Random } from '@ringfort/bus';

export interface RoundsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly roundMs: number;
  readonly onRound: () => void;
}

/** Calls back once a round, each a random tenth longer or shorter, so that nodes started together do not gossip in step. */
export class Rounds {
  readonly #options: RoundsOptions;
  #timer: unknown;
  #running = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.#plan();
  }

  stop(): void {
    this.#running = false;
    this.#options.clock.clearTimeout(this.#timer);
  }

  #plan(): void {
    const { clock, random, roundMs } = this.#options;
    const spread = Math.max(1, Math.floor(roundMs / 5));
    this.#timer = clock.setTimeout(() => this.#pass(), Math.floor(roundMs * 0.9) + random.below(spread));
  }

  #pass(): void {
    this.#options.onRound();
    if (this.#running) this.#plan();
  }
}
