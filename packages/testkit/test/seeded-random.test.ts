import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SeededRandom, seededRandom } from '../src/index.ts';

const draw = (random: SeededRandom) => [
  ...random.bytes(16),
  ...Array.from({ length: 16 }, () => random.below(1_000)),
  random.float(),
  random.pick(['a', 'b', 'c', 'd']),
  ...random.shuffle([1, 2, 3, 4, 5, 6]),
];

describe('seededRandom', () => {
  it('repeats from the same seed, its forks too, and differs from another', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const first = seededRandom(seed);
        const second = seededRandom(seed);
        expect(draw(first)).toEqual(draw(second));
        expect(draw(first.fork())).toEqual(draw(second.fork()));
        expect(draw(seededRandom(seed))).not.toEqual(draw(seededRandom(seed + 1)));
      }),
    );
  });

  it('draws within bounds, up to 2^32, and refuses others', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
        const value = seededRandom(seed).below(bound);
        expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true);
      }),
    );
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN])
      expect(() => seededRandom(1).below(bound)).toThrow(RangeError);
    expect(() => seededRandom(1).pick([])).toThrow(RangeError);
  });

  it('is even: each of 16 values within 5 standard deviations', () => {
    const random = seededRandom(42);
    const draws = 160_000;
    const limit = 5 * Math.sqrt(draws * (1 / 16) * (15 / 16));
    for (const next of [
      () => random.below(16),
      () => Math.floor(random.float() * 16),
      () => random.bytes(1)[0]! >> 4,
    ]) {
      const counts = new Array<number>(16).fill(0);
      for (let index = 0; index < draws; index += 1) counts[next()]! += 1;
      for (const count of counts) expect(Math.abs(count - draws / 16)).toBeLessThan(limit);
    }
  });

  it('shuffles a copy', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        const before = [...items];
        const shuffled = seededRandom(seed).shuffle(items);
        expect(items).toEqual(before);
        expect([...shuffled].sort()).toEqual([...items].sort());
      }),
    );
  });
});
