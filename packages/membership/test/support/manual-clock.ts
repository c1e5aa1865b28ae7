import type { Clock, Random } from '@ringfort/bus';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
}

/** Time that passes only when told to. Promises settle between two timers. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #epochMs: number;
  #order = 0;
  readonly #timers = new Map<number, Timer>();

  constructor(epochMs = 1_700_000_000_000) {
    this.#epochMs = epochMs;
  }

  now(): number {
    return this.#epochMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimeout(fn: () => void, delayMs: number): number {
    const order = this.#order++;
    this.#timers.set(order, { atMs: this.#nowMs + Math.max(0, delayMs), order, fn });
    return order;
  }

  clearTimeout(id: unknown): void {
    this.#timers.delete(id as number);
  }

  /** Lets the time pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#timers.delete(next.order);
      next.fn();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  /** The time jumps, as for a process that was stopped: what was due meanwhile runs late, at the new time. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  #next(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (timer.atMs > untilMs) continue;
      if (first === undefined || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  }
}

/** All promises that wait for nothing but each other have settled. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Randomness from a seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    below: (bound) => Math.floor((next() / 2 ** 32) * bound),
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 255),
  };
}
