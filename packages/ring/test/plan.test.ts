import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyRing, foldHistory, type MembershipRecord, PartitionsDifferError, planTransfers } from '../src/index.ts';
import { adding, founding } from './models.ts';

const removed = (node: string, lamport: number): MembershipRecord => ({
  kind: 'node.removed',
  lamport,
  author: 'a',
  node,
});

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const base = fc.integer({ min: 1, max: 6 }).map((count) => founding(names.slice(0, count), 32));
const step = fc.oneof(
  fc.constantFrom('x', 'y', 'z').map((node) => adding(node, 3, 'a')),
  fc.constantFrom(...names).map((node) => removed(node, 4)),
);

describe('a transfer plan', () => {
  it('turns the owners of one ring into those of the other, and moves nobody else', () => {
    fc.assert(
      fc.property(base, fc.array(step, { minLength: 1, maxLength: 4 }), (records, steps) => {
        const [from, to] = [foldHistory(records), foldHistory([...records, ...steps])];
        const { transfers, received } = planTransfers(from, to);
        for (let partition = 0; partition < to.partitions; partition++) {
          const mine = transfers.filter((transfer) => transfer.partition === partition);
          const before = from.owners(partition);
          const after = to.targets(partition);
          expect(mine.map(({ to: node }) => node).sort()).toEqual(
            after.filter((node) => !before.includes(node)).sort(),
          );
          for (const transfer of mine) {
            expect(after[transfer.replica]).toBe(transfer.to);
            if (transfer.from !== undefined)
              expect(before.includes(transfer.from) && !after.includes(transfer.from)).toBe(true);
          }
          const givers = mine.flatMap(({ from: giver }) => giver ?? []);
          expect(new Set(givers).size).toBe(givers.length);
          const leaving = before.filter((node) => !after.includes(node)).length;
          expect(givers.length).toBe(Math.min(mine.length, leaving));
        }
        expect([...received.values()].reduce((sum, slots) => sum + slots, 0)).toBe(transfers.length);
      }),
    );
  });

  it('has no giver for a founding, and nothing to do between equal rings', () => {
    const ring = foldHistory(founding(['a', 'b', 'c'], 32));
    const plan = planTransfers(emptyRing, ring);
    expect(plan.transfers).toHaveLength(96);
    expect(plan.transfers.every(({ from }) => from === undefined)).toBe(true);
    expect(planTransfers(ring, foldHistory(founding(['a', 'b', 'c'], 32))).transfers).toEqual([]);
  });

  it('tells the balance before and after', () => {
    const from = foldHistory(founding(['a', 'b', 'c', 'd'], 256));
    const to = foldHistory([...founding(['a', 'b', 'c', 'd'], 256), adding('e', 2, 'a')]);
    const { before, after, received } = planTransfers(from, to);
    expect(before.efficiency).toBe(1);
    expect(before.nodes.map(({ slots }) => slots)).toEqual([192, 192, 192, 192]);
    expect(after.nodes.map(({ share }) => share)).toEqual(new Array(5).fill(expect.closeTo(153.6, 6)));
    expect(after.efficiency).toBeGreaterThan(153.6 / 154.7);
    expect(received).toEqual(new Map([['e', 153]]));
  });

  it('is refused between rings of different Q', () => {
    const [small, large] = [foldHistory(founding(['a'], 32)), foldHistory(founding(['a'], 64))];
    expect(() => planTransfers(small, large)).toThrow(PartitionsDifferError);
  });
});
