import { randomBytes, randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, Random } from './clock.ts';

/** The machine's clock and timers. The only place in the packages that touches them. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimeout: (fn: () => void, delayMs: number): unknown => setTimeout(fn, delayMs),
  clearTimeout: (id: unknown): void => clearTimeout(id as NodeJS.Timeout),
});

/** The machine's randomness: unpredictable, from the operating system. */
export const systemRandom: Random = Object.freeze({
  bytes: (count: number) => new Uint8Array(randomBytes(count)),
  below: (bound: number) => randomInt(bound),
});

/** Runs `fn` once, when the present turn of the event loop has handled its input. */
export type Schedule = (fn: () => void) => void;

/**
 * How work is put off to the end of the turn: `setImmediate` on the system clock, a timer of no delay on any other, so that a virtual
 * clock sees (and orders) everything that is still to happen.
 */
export function endOfTurn(clock: Clock): Schedule {
  if (clock === systemClock) return (fn) => void setImmediate(fn);
  return (fn) => void clock.setTimeout(fn, 0);
}
