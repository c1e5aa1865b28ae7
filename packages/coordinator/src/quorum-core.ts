import type { Quorum } from './contract.ts';
import { InvalidQuorumError } from './errors.ts';
import type { Placement } from './placement-core.ts';

/**
 * The number that `one`, `quorum`, `all` or a number stands for in a bucket with `n` replicas (paper section 4.5).
 * @throws InvalidQuorumError outside of `min..n`
 */
export function resolveQuorum(name: 'r' | 'w' | 'dw', asked: Quorum, n: number): number {
  const min = name === 'dw' ? 0 : 1;
  const value = asked === 'one' ? 1 : asked === 'all' ? n : asked === 'quorum' ? Math.floor(n / 2) + 1 : asked;
  if (!Number.isInteger(value) || value < min || value > n) throw new InvalidQuorumError(name, asked, min, n);
  return value;
}

/** What has come of the replicas that a request was sent to. Mutable: one per request, changed only by the functions below. */
export interface Tally {
  /** R or W. */
  readonly required: number;
  /** DW: how many of the answers must be on disk; 0 for reads. */
  readonly durableRequired: number;
  /** Answers that count. */
  answers: number;
  durable: number;
  /** Requests that are neither answered nor failed. */
  outstanding: number;
  /** Of those, the ones whose answer would count. */
  hopeful: number;
  /** Codes of the failures, for the error; at most one per place. */
  readonly failures: string[];
}

export function newTally(required: number, durableRequired = 0): Tally {
  return { required, durableRequired, answers: 0, durable: 0, outstanding: 0, hopeful: 0, failures: [] };
}

/** A place was asked. */
export function sent(tally: Tally, place: Placement): void {
  tally.outstanding += 1;
  if (place.counts) tally.hopeful += 1;
}

/** A place is taken for hung: nobody waits for it any more, though its answer would still count. */
export function fellSilent(tally: Tally, place: Placement): void {
  if (place.state !== 'awaited') return;
  place.state = 'silent';
  tally.outstanding -= 1;
}

export function answered(tally: Tally, place: Placement, durable: boolean): void {
  if (place.state === 'awaited') tally.outstanding -= 1;
  place.state = 'answered';
  if (!place.counts) return;
  tally.hopeful -= 1;
  tally.answers += 1;
  if (durable) tally.durable += 1;
}

export function failed(tally: Tally, place: Placement, code: string): void {
  if (place.state === 'awaited') tally.outstanding -= 1;
  place.state = 'failed';
  if (place.counts) tally.hopeful -= 1;
  tally.failures.push(code);
}

/** Enough have answered, and enough of them from disk. */
export function isMet(tally: Tally): boolean {
  return tally.answers >= tally.required && tally.durable >= tally.durableRequired;
}

/** Even if all that are still awaited answered, and `spares` more that may yet be asked, it would not be enough. */
export function isHopeless(tally: Tally, spares: number): boolean {
  const possible = tally.hopeful + spares;
  return tally.answers + possible < tally.required || tally.durable + possible < tally.durableRequired;
}

/** Nobody is awaited any more. */
export function isSettled(tally: Tally): boolean {
  return tally.outstanding === 0;
}
