import type { Clock, Random } from '@ringfort/bus';

/** A change is told on after this long, so that what arrives together travels together; and not again within `pauseMs`. */
const delayMs = 20;
const pauseMs = 100;

/** Takes `count` of the items, chosen at random. */
export function sample<T>(items: readonly T[], count: number, random: Random): T[] {
  const left = [...items];
  const taken: T[] = [];
  while (taken.length < count && left.length > 0) taken.push(...left.splice(random.below(left.length), 1));
  return taken;
}

/** Plans the spreading of a change: soon, once for all changes that come together, and at a bounded pace. */
export class Spreading {
  readonly #clock: Clock;
  readonly #spread: () => void;
  #timer: unknown;
  #planned = false;
  #spreadAtMs = -Infinity;

  constructor(clock: Clock, spread: () => void) {
    this.#clock = clock;
    this.#spread = spread;
  }

  plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    const sinceMs = this.#clock.monotonicMs() - this.#spreadAtMs;
    this.#timer = this.#clock.setTimeout(() => this.#run(), Math.max(delayMs, pauseMs - sinceMs));
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#planned = true;
  }

  #run(): void {
    this.#planned = false;
    this.#spreadAtMs = this.#clock.monotonicMs();
    this.#spread();
  }
}
