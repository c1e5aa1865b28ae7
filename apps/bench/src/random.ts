import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** What the generators draw from. */
export interface Draw {
  /** In `[0, 1)`. */
  float(): number;
  /** A whole number in `[0, bound)`. */
  below(bound: number): number;
}

/** A stream of draws that a 32-bit seed repeats. */
export function seededDraw(seed: number): Draw {
  const generator = xoroshiro128plus(seed | 0);
  return {
    float: () => uniformFloat64(generator),
    below: (bound) => uniformInt(generator, 0, bound - 1),
  };
}
