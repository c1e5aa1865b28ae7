import type { Clock } from '@ringfort/bus';

/** A clock that stands until it is moved; counts the timers that were set. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #next = 1;
  readonly timers = new Map<number, { atMs: number; fn: () => void }>();
  set = 0;

  now(): number {
    return this.#nowMs;
  }
  monotonicMs(): number {
    return this.#nowMs;
  }
  setTimeout(fn: () => void, delayMs: number): number {
    const id = this.#next++;
    this.set++;
    this.timers.set(id, { atMs: this.#nowMs + delayMs, fn });
    return id;
  }
  clearTimeout(id: unknown): void {
    this.timers.delete(id as number);
  }
  /** Moves on, running what falls due in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.timers]
        .filter(([, timer]) => timer.atMs <= endMs)
        .sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.#nowMs = Math.max(this.#nowMs, due[1].atMs);
      due[1].fn();
    }
    this.#nowMs = endMs;
  }
}
