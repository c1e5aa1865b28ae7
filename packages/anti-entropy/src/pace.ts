import type { Clock } from '@ringfort/bus';

/** Shares a rate among all who move bytes. */
export class Pace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  #freeMs = 0;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** So many bytes were moved: how long to wait before the next. */
  afterMs(bytes: number): number {
    const nowMs = this.#clock.monotonicMs();
    this.#freeMs = Math.max(nowMs, this.#freeMs) + (bytes * 1000) / this.#bytesPerSecond;
    return Math.ceil(this.#freeMs - nowMs);
  }
}
