/**
 * Time as the packages see it: xstate's two methods, and the time itself. Always injected, so that a whole cluster can run on
 * virtual time.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump; compare durations with {@link Clock.monotonicMs}. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonicMs(): number;
  setTimeout(fn: () => void, delayMs: number): unknown;
  clearTimeout(id: unknown): void;
}

/** Randomness as the packages see it. Always injected. */
export interface Random {
  /** `count` random bytes, new memory. */
  bytes(count: number): Uint8Array;
  /** A whole number in `[0, bound)`, `1 <= bound <= 2^32`. */
  below(bound: number): number;
}
