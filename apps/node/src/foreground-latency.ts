import type { Clock } from '@ringfort/bus';

/** Observations so far: per upper bound (ascending) those up to it and above the one before, those above all bounds last. */
export interface LatencyCounts {
  readonly boundsSeconds: readonly number[];
  readonly counts: Float64Array;
}

/** A percentile of few requests says little. */
const fewRequests = 20;

/** The 99th percentile of the requests of the last while, from a histogram that only grows: what moves in the background gives way to it. */
export class ForegroundLatency {
  readonly #read: () => LatencyCounts;
  readonly #clock: Clock;
  readonly #windowMs: number;
  #sinceMs: number;
  #before: Float64Array;
  #p99Ms: number | undefined;

  constructor(read: () => LatencyCounts, clock: Clock, windowMs = 1_000) {
    this.#read = read;
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#sinceMs = clock.monotonicMs();
    this.#before = Float64Array.from(read().counts);
  }

  /** As of the last full window, the upper bound of its bucket; undefined: too few requests to tell. */
  p99Ms(): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sinceMs < this.#windowMs) return this.#p99Ms;
    const { boundsSeconds, counts } = this.#read();
    const late = counts.map((count, at) => count - this.#before[at]!);
    this.#p99Ms = percentile99Ms(late, boundsSeconds);
    this.#before = Float64Array.from(counts);
    this.#sinceMs = nowMs;
    return this.#p99Ms;
  }
}

function percentile99Ms(counts: Float64Array, boundsSeconds: readonly number[]): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total < fewRequests) return undefined;
  let upTo = 0;
  for (const [at, bound] of boundsSeconds.entries()) {
    upTo += counts[at]!;
    if (upTo >= 0.99 * total) return 1_000 * bound;
  }
  return Number.POSITIVE_INFINITY;
}
