import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partitionOf, positionOf, tokenPlacedPartitions, tokenValueRing } from '../src/index.ts';

const nodes = ['a', 'b', 'c', 'd', 'e'];

/** Any repeatable sequence in [0, 1) will do. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const position = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('rings of random tokens', () => {
  it('place each key on distinct nodes, repeatably', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 20 }), position, (seed, tokens, at) => {
        const rings = [0, 1].map(() => [
          tokenValueRing(nodes, tokens, 3, seeded(seed)),
          tokenPlacedPartitions(nodes, tokens, 64, 3, seeded(seed)),
        ]);
        const [one, again] = rings.map((pair) => pair.map((ring) => ring.ownersAt(at)));
        expect(again).toEqual(one);
        for (const owners of one!) expect(new Set(owners).size).toBe(3);
      }),
    );
  });

  it('by token value: the first token clockwise from the key, around the end too', () => {
    const draws = [0.25, 0.5, 0.75];
    const ring = tokenValueRing(['a', 'b', 'c'], 1, 2, () => draws.shift()!);
    expect(ring.tokens).toBe(3);
    expect([0.1, 0.25, 0.3, 0.6, 0.9].map((at) => ring.ownersAt(at).join(''))).toEqual(['ab', 'ab', 'bc', 'ca', 'ab']);
  });

  it('with equal partitions: the nodes clockwise from the end of the partition', () => {
    const draws = [0.3, 0.8];
    const ring = tokenPlacedPartitions(['a', 'b'], 1, 4, 1, () => draws.shift()!);
    expect([0, 0.26, 0.49, 0.5, 0.76].map((at) => ring.ownersAt(at)[0])).toEqual(['a', 'b', 'b', 'b', 'a']);
  });

  it('see a key where its partition is', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (bucket, key) => {
        expect(Math.floor(positionOf(bucket, key) * 1024)).toBe(partitionOf(bucket, key, 1024));
      }),
    );
  });
});
