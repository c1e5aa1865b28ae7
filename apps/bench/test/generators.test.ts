import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fnvBelow } from '../src/fnv-core.ts';
import { seededDraw } from '../src/random.ts';
import { OperationStream, type WorkloadName, workloadNames, workloads } from '../src/workload-core.ts';
import { chooserOf, MAX_KEYS, Zipfian, zeta } from '../src/zipfian-core.ts';

/** YCSB's `Utils.fnvhash64`, written with BigInt: the model. */
const fnvhash64 = (value: number): bigint => {
  let hash = 0xcbf29ce484222325n;
  for (let rest = BigInt(value), byte = 0; byte < 8; byte += 1, rest >>= 8n) {
    hash = BigInt.asUintN(64, (hash ^ (rest & 0xffn)) * 1099511628211n);
  }
  const signed = BigInt.asIntN(64, hash);
  return signed < 0n ? -signed : signed;
};

describe('scattering ranks over keys', () => {
  it("agrees with YCSB's 64-bit FNV hash", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: MAX_KEYS }), (value, bound) => {
        expect(fnvBelow(value, bound)).toBe(Number(fnvhash64(value) % BigInt(bound)));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the zipfian generator', () => {
  const draws = 200_000;
  const counted = (items: number): number[] => {
    const zipfian = new Zipfian(items);
    const draw = seededDraw(3);
    const counts = new Array<number>(items).fill(0);
    for (let index = 0; index < draws; index += 1) counts[zipfian.next(draw)]! += 1;
    return counts;
  };

  it('gives ranks 0 and 1 their exact probability, within 5 standard deviations', () => {
    for (const items of [2, 100, 10_000]) {
      const counts = counted(items);
      for (const rank of [0, 1]) {
        const p = 1 / (rank + 1) ** 0.99 / zeta(items);
        expect(Math.abs(counts[rank]! - draws * p)).toBeLessThan(5 * Math.sqrt(draws * p * (1 - p)) + 1);
      }
    }
  });

  it('follows the curve: the cumulated share of the first ranks is within 2 points of the true one', () => {
    const items = 10_000;
    const counts = counted(items);
    const total = zeta(items);
    let seen = 0;
    for (let rank = 0, expected = 0; rank < items; rank += 1) {
      seen += counts[rank]! / draws;
      expected += 1 / (rank + 1) ** 0.99 / total;
      if (Math.abs(seen - expected) >= 0.02) expect.fail(`rank ${rank}: ${seen} instead of ${expected}`);
    }
  });

  it('grown step by step is the same as made at once', () => {
    const grown = new Zipfian(10);
    for (const items of [11, 50, 49, 1_000]) grown.grow(items);
    const whole = new Zipfian(1_000);
    const [a, b] = [seededDraw(5), seededDraw(5)];
    for (let index = 0; index < 1_000; index += 1) expect(grown.next(a)).toBe(whole.next(b));
  });

  it('stays in range for any number of items', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer(), (items, seed) => {
        const zipfian = new Zipfian(items);
        const draw = seededDraw(seed);
        for (let index = 0; index < 50; index += 1) {
          const rank = zipfian.next(draw);
          if (!(Number.isInteger(rank) && rank >= 0 && rank < items)) expect.fail(`rank ${rank} of ${items}`);
        }
      }),
    );
  });
});

describe('choosing keys', () => {
  const shares = (distribution: 'zipfian' | 'uniform' | 'latest', keys: number): number[] => {
    const chooser = chooserOf(distribution, keys);
    const draw = seededDraw(11);
    const counts = new Array<number>(keys).fill(0);
    for (let index = 0; index < 100_000; index += 1) counts[chooser.next(draw, keys)]! += 1 / 100_000;
    return counts;
  };

  it('scatters the popular keys: the most popular has the share of rank 0 among ten thousand million, and is not the first', () => {
    const counts = shares('zipfian', 1_000);
    const top = Math.max(...counts);
    expect(top).toBeGreaterThan(1 / 26.469 - 0.005);
    expect(top).toBeLessThan(1 / 26.469 + 0.02);
    expect(counts.indexOf(top)).toBe(fnvBelow(0, 1_000));
  });

  it('prefers the newest with `latest`, and none with `uniform`', () => {
    const latest = shares('latest', 1_000);
    expect(latest.indexOf(Math.max(...latest))).toBe(999);
    expect(latest.slice(-10).reduce((a, b) => a + b)).toBeGreaterThan(0.3);
    expect(Math.max(...shares('uniform', 100))).toBeLessThan(0.013);
  });
});

describe('the stream of operations', () => {
  it.each(workloadNames)('%s keeps its mix, within 1 point, and repeats from its seed', (name: WorkloadName) => {
    const streams = [1, 1].map((seed) => new OperationStream(workloads[name], 500, seededDraw(seed)));
    const counts: Record<string, number> = {};
    for (let index = 0; index < 40_000; index += 1) {
      const [a, b] = streams.map((stream) => {
        const operation = stream.next();
        stream.acknowledged(operation);
        return operation;
      });
      if (a!.kind !== b!.kind || a!.key !== b!.key) expect(b).toEqual(a);
      counts[a!.kind] = (counts[a!.kind] ?? 0) + 1 / 40_000;
    }
    expect(Object.keys(counts).sort()).toEqual(Object.keys(workloads[name].mix).sort());
    for (const [kind, share] of Object.entries(workloads[name].mix))
      expect(Math.abs(counts[kind]! - share)).toBeLessThan(0.01);
  });

  it('reads only keys whose insert, and every one before it, was acknowledged', () => {
    const stream = new OperationStream(workloads.d, 10, seededDraw(2));
    const inserts = [];
    while (inserts.length < 5) {
      const operation = stream.next();
      if (operation.kind === 'insert') inserts.push(operation);
      else expect(operation.key).toBeLessThan(10);
    }
    expect(inserts.map(({ key }) => key)).toEqual([10, 11, 12, 13, 14]);
    for (const [index, expected] of [
      [1, 10],
      [2, 10],
      [0, 13],
      [4, 13],
      [3, 15],
    ] as const) {
      stream.acknowledged(inserts[index]!);
      expect(stream.readableKeys).toBe(expected);
    }
  });
});
