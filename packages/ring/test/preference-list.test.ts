import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  activePlaces,
  foldHistory,
  isPrimary,
  type MembershipRecord,
  PartitionOutOfRangeError,
  type Place,
  primaries,
} from '../src/index.ts';
import { founding } from './models.ts';

const zoned = (count: number, zones: number, partitions = 64): MembershipRecord[] =>
  founding(
    Array.from({ length: count }, (_, index) => `n${String(index).padStart(2, '0')}`),
    partitions,
  ).map((record, index) => ({ ...record, zone: `z${index % zones}` }) as MembershipRecord);

describe('a preference list', () => {
  it('names every node once, the owners first', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25 }), fc.integer({ min: 1, max: 5 }), (count, zones) => {
        const ring = foldHistory(zoned(count, zones, 16));
        for (let partition = 0; partition < ring.partitions; partition++) {
          const list = ring.preferenceList(partition);
          expect([...list].sort()).toEqual(ring.nodes.map(({ id }) => id));
          for (const owner of list.slice(0, 3)) expect(ring.partitionsOf(owner)).toContain(partition);
          for (const other of list.slice(3)) expect(ring.partitionsOf(other)).not.toContain(partition);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('is one frozen array for all lookups', () => {
    const ring = foldHistory(zoned(5, 1));
    expect(ring.preferenceList(7)).toBe(ring.preferenceList(7));
    expect(Object.isFrozen(ring.preferenceList(7))).toBe(true);
  });

  it('goes on into zones that it does not name yet', () => {
    const ring = foldHistory(zoned(20, 5));
    for (let partition = 0; partition < ring.partitions; partition++) {
      const list = ring.preferenceList(partition);
      expect(new Set(list.slice(0, 5).map((node) => ring.node(node)!.zone)).size).toBe(5);
    }
  });

  it('spreads the stand-ins of one node over many others', () => {
    const ring = foldHistory(zoned(10, 1, 256));
    const standIns = new Map<string, number>();
    for (const partition of ring.partitionsOf('n03')) {
      const standIn = ring.preferenceList(partition)[3]!;
      standIns.set(standIn, (standIns.get(standIn) ?? 0) + 1);
    }
    expect(standIns.size).toBe(9);
    expect(Math.max(...standIns.values())).toBeLessThan(ring.partitionsOf('n03').length / 3);
  });

  it('is refused for a partition that the ring does not have', () => {
    const ring = foldHistory(zoned(3, 1));
    for (const partition of [-1, 64, 0.5, Number.NaN]) {
      expect(() => ring.preferenceList(partition)).toThrow(PartitionOutOfRangeError);
    }
  });
});

/** Riak's annotated list, said slowly. */
function naivePlaces(list: readonly string[], n: number, up: ReadonlySet<string>): Place[] {
  const healthy = list.slice(0, n).filter((node) => up.has(node));
  const missing = list.slice(0, n).filter((node) => !up.has(node));
  const spare = list.slice(n).filter((node) => up.has(node));
  const standIns = missing
    .slice(0, spare.length)
    .map((primary, index) => ({ node: spare[index]!, standsInFor: primary }));
  return [...healthy.map((node) => ({ node })), ...standIns];
}

describe('active places', () => {
  const scenario = fc
    .uniqueArray(
      fc.integer({ min: 0, max: 40 }).map((n) => `n${n}`),
      { maxLength: 24 },
    )
    .chain((list) => fc.tuple(fc.constant(list), fc.subarray(list), fc.integer({ min: 1, max: 16 })));

  it('are the healthy primaries, then a healthy fallback for each primary that is down', () => {
    fc.assert(
      fc.property(scenario, ([list, upNodes, n]) => {
        const up = new Set(upNodes);
        expect(activePlaces(list, n, (node) => up.has(node))).toEqual(naivePlaces(list, n, up));
      }),
      { numRuns: 500 },
    );
  });

  it('ask of each node once at most', () => {
    fc.assert(
      fc.property(scenario, ([list, upNodes, n]) => {
        const asked: string[] = [];
        activePlaces(list, n, (node) => {
          asked.push(node);
          return upNodes.includes(node);
        });
        expect(new Set(asked).size).toBe(asked.length);
      }),
    );
  });

  it('fill the array that is given', () => {
    const out: Place[] = [{ node: 'old' }, { node: 'older' }];
    expect(activePlaces(['a', 'b'], 1, () => true, out)).toBe(out);
    expect(out).toEqual([{ node: 'a' }]);
  });

  it('agree with the primaries', () => {
    fc.assert(
      fc.property(scenario, ([list, , n]) => {
        expect(primaries(list, n)).toEqual(activePlaces(list, n, () => true).map(({ node }) => node));
        for (const node of [...list, 'stranger'])
          expect(isPrimary(list, n, node)).toBe(primaries(list, n).includes(node));
      }),
    );
  });
});
