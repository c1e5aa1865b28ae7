import type { Random } from '@ringfort/bus';
import { type RandomGenerator, unsafeUniformIntDistribution, xoroshiro128plus } from 'pure-rand';

/** Randomness that a seed repeats exactly. */
export interface SeededRandom extends Random {
  readonly seed: number;
  /** In `[0, 1)`, 32 random bits. */
  float(): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One of them. @throws RangeError when there is none */
  pick<T>(items: readonly T[]): T;
  /** A shuffled copy. */
  shuffle<T>(items: readonly T[]): T[];
  /** An independent stream, which repeats as well: what draws from it does not disturb what draws from this one. */
  fork(): SeededRandom;
}

/** xoroshiro128+ from a 32-bit seed (other bits of `seed` are ignored). */
export function seededRandom(seed: number): SeededRandom {
  return new Xoroshiro(seed);
}

const UINT32 = 0x1_0000_0000;

class Xoroshiro implements SeededRandom {
  readonly seed: number;
  readonly #generator: RandomGenerator;

  constructor(seed: number) {
    this.seed = seed | 0;
    this.#generator = xoroshiro128plus(this.seed);
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let index = 0; index < count; index += 1) bytes[index] = this.#generator.unsafeNext() >>> 24;
    return bytes;
  }

  below(bound: number): number {
    if (!(Number.isInteger(bound) && bound >= 1 && bound <= UINT32)) {
      throw new RangeError(`below: a whole number from 1 to 2^32 is needed, not ${bound}`);
    }
    return unsafeUniformIntDistribution(0, bound - 1, this.#generator);
  }

  float(): number {
    return (this.#generator.unsafeNext() >>> 0) / UINT32;
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('pick: there is nothing to pick from');
    return items[this.below(items.length)] as T;
  }

  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      [shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T];
    }
    return shuffled;
  }

  fork(): SeededRandom {
    return new Xoroshiro(this.#generator.unsafeNext());
  }
}
