import { InvalidOptionError } from './errors.ts';
import { fnvBelow } from './fnv-core.ts';
import type { Draw } from './random.ts';

/** YCSB's skew. */
export const ZIPFIAN_CONSTANT = 0.99;
/** YCSB draws scrambled ranks from this many items, whatever the number of keys, and knows their zeta beforehand. */
const SCRAMBLED_ITEMS = 10_000_000_000;
const SCRAMBLED_ZETA = 26.469_028_201_783_02;
/** {@link fnvBelow} is exact up to here. */
export const MAX_KEYS = 1 << 20;

/** The probability of rank `rank` (from 0) among `items` is `1 / (rank + 1)^theta / zeta(items)`. */
export function zeta(items: number, theta = ZIPFIAN_CONSTANT, from = 0, start = 0): number {
  let sum = start;
  for (let rank = from; rank < items; rank += 1) sum += 1 / (rank + 1) ** theta;
  return sum;
}

/**
 * Ranks from 0, the lowest the most likely, by the method of Gray et al., "Quickly generating billion-record synthetic databases"
 * (SIGMOD 1994), as YCSB does it: exact for ranks 0 and 1, an inversion of the continuous curve for the others.
 */
export class Zipfian {
  readonly #theta: number;
  readonly #alpha: number;
  /** Zeta of the first two items. */
  readonly #zeta2: number;
  #items: number;
  #zeta: number;
  #eta: number;

  constructor(items: number, theta = ZIPFIAN_CONSTANT, knownZeta?: number) {
    if (!(Number.isInteger(items) && items >= 1))
      throw new InvalidOptionError(`a zipfian needs at least 1 item, not ${items}`);
    this.#theta = theta;
    this.#alpha = 1 / (1 - theta);
    this.#items = items;
    this.#zeta2 = 1 + 0.5 ** theta;
    this.#zeta = knownZeta ?? zeta(items, theta);
    this.#eta = this.#etaNow();
  }

  /** Lets the number of items grow; costs as much as the growth. */
  grow(items: number): void {
    if (items <= this.#items) return;
    this.#zeta = zeta(items, this.#theta, this.#items, this.#zeta);
    this.#items = items;
    this.#eta = this.#etaNow();
  }

  next(draw: Draw): number {
    const u = draw.float();
    const uz = u * this.#zeta;
    if (uz < 1 || this.#items === 1) return 0;
    if (uz < this.#zeta2) return 1;
    const rank = Math.floor(this.#items * (this.#eta * u - this.#eta + 1) ** this.#alpha);
    return Math.min(rank, this.#items - 1);
  }

  #etaNow(): number {
    return (1 - (2 / this.#items) ** (1 - this.#theta)) / (1 - this.#zeta2 / this.#zeta);
  }
}

/** Chooses a key's index in `[0, keys)`; `keys` may grow from call to call. */
export interface Chooser {
  next(draw: Draw, keys: number): number;
}

export type Distribution = 'zipfian' | 'uniform' | 'latest';

/** `zipfian`: YCSB's scrambled one, whose popular keys are scattered; `latest`: the newest key is the most popular. */
export function chooserOf(distribution: Distribution, keys: number): Chooser {
  if (distribution === 'uniform') return { next: (draw, count) => draw.below(count) };
  if (distribution === 'zipfian') {
    const ranks = new Zipfian(SCRAMBLED_ITEMS, ZIPFIAN_CONSTANT, SCRAMBLED_ZETA);
    return { next: (draw, count) => fnvBelow(ranks.next(draw), count) };
  }
  const ages = new Zipfian(keys);
  return {
    next: (draw, count) => {
      ages.grow(count);
      return count - 1 - Math.min(ages.next(draw), count - 1);
    },
  };
}
