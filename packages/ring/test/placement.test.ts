import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { feasibleShares, type OwnerTable, type Placed, place, type RingNode } from '../src/index.ts';
import { leastMoves, naiveShares, nodesOf, type Sketch, sorted } from './models.ts';

const sketch: fc.Arbitrary<Sketch> = fc.record({
  weight: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 4 }), fc.double({ min: 0.1, max: 20, noNaN: true })),
  zone: fc.integer({ min: 0, max: 4 }),
});

type Change =
  | { readonly kind: 'add'; readonly sketch: Sketch }
  | { readonly kind: 'remove' | 'reweight' | 'rezone'; readonly at: number; readonly sketch: Sketch };

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), sketch }),
  fc.record({ kind: fc.constantFrom('remove' as const, 'reweight' as const, 'rezone' as const), at: fc.nat(), sketch }),
);

function changed(nodes: readonly RingNode[], step: Change, serial: number): RingNode[] {
  const { weight } = step.sketch;
  const zone = `z${step.sketch.zone}`;
  if (step.kind === 'add') return sorted([...nodes, { id: `x${serial}`, store: 's', weight, zone }]);
  const at = step.at % nodes.length;
  if (step.kind === 'remove') return nodes.length === 1 ? [...nodes] : nodes.filter((_, index) => index !== at);
  return nodes.map((node, index) => {
    if (index !== at) return node;
    return step.kind === 'reweight' ? { ...node, weight } : { ...node, zone };
  });
}

function rowsOf(nodes: readonly RingNode[], table: OwnerTable): string[][] {
  const rows: string[][] = [];
  for (let slot = 0; slot < table.owners.length; slot += table.replicas) {
    rows.push([...table.owners.subarray(slot, slot + table.replicas)].map((owner) => nodes[owner]!.id));
  }
  return rows;
}

function movesBetween(before: readonly (readonly string[])[], after: readonly (readonly string[])[]): number {
  return after.reduce(
    (sum, row, partition) => sum + row.filter((node) => !before[partition]!.includes(node)).length,
    0,
  );
}

/** Runs a founding and changes to it, and shows each placement beside the one before. */
function forEachPlacement(
  founders: readonly Sketch[],
  steps: readonly Change[],
  partitions: number,
  check: (
    nodes: readonly RingNode[],
    rows: string[][],
    before: { nodes: readonly RingNode[]; rows: string[][] } | undefined,
  ) => void,
): void {
  let previous: Placed = { nodes: nodesOf(founders), table: place(nodesOf(founders), partitions) };
  check(previous.nodes, rowsOf(previous.nodes, previous.table), undefined);
  steps.forEach((step, serial) => {
    const nodes = changed(previous.nodes, step, serial);
    const table = place(nodes, partitions, previous);
    const before = { nodes: previous.nodes, rows: rowsOf(previous.nodes, previous.table) };
    check(nodes, rowsOf(nodes, table), before);
    previous = { nodes, table };
  });
}

const founders = fc.array(sketch, { minLength: 1, maxLength: 20 });
const steps = fc.array(change, { maxLength: 6 });
const partitions = fc.constantFrom(8, 64, 256);

describe('placement', () => {
  it('puts the replicas of a partition on distinct nodes, as many as there are up to three', () => {
    fc.assert(
      fc.property(founders, steps, partitions, (first, then, q) => {
        forEachPlacement(first, then, q, (nodes, rows) => {
          expect(rows).toHaveLength(q);
          for (const row of rows) expect(new Set(row).size).toBe(Math.min(3, nodes.length));
        });
      }),
    );
  });

  it('puts them on distinct zones while there are enough, and on all zones otherwise', () => {
    fc.assert(
      fc.property(founders, steps, partitions, (first, then, q) => {
        forEachPlacement(first, then, q, (nodes, rows) => {
          const zoneOf = new Map(nodes.map((node) => [node.id, node.zone]));
          const most = Math.min(3, nodes.length, new Set(zoneOf.values()).size);
          for (const row of rows) expect(new Set(row.map((node) => zoneOf.get(node))).size).toBe(most);
        });
      }),
    );
  });

  it('keeps every load within one slot of the feasible weighted share', () => {
    fc.assert(
      fc.property(founders, steps, partitions, (first, then, q) => {
        forEachPlacement(first, then, q, (nodes, rows) => {
          const shares = naiveShares(nodes, q);
          nodes.forEach((node, index) => {
            const load = rows.filter((row) => row.includes(node.id)).length;
            expect(Math.abs(load - shares[index]!)).toBeLessThanOrEqual(1 + 1e-5);
          });
        });
      }),
    );
  });

  it('computes the share that a naive water level gives', () => {
    fc.assert(
      fc.property(fc.array(sketch, { minLength: 1, maxLength: 30 }), partitions, (sketches, q) => {
        const nodes = nodesOf(sketches);
        const expected = naiveShares(nodes, q);
        feasibleShares(nodes, q).shares.forEach((share, index) => {
          expect(share).toBeCloseTo(expected[index]!, 4);
        });
      }),
    );
  });

  it('hands out all slots whatever the weights, down to the smallest numbers', () => {
    const wild = fc.record({
      weight: fc.double({ min: 0, minExcluded: true, max: 1000, noNaN: true }),
      zone: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(wild, { minLength: 1, maxLength: 20 }), partitions, (sketches, q) => {
        const nodes = nodesOf(sketches);
        const { shares } = feasibleShares(nodes, q);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(q * Math.min(3, nodes.length), 4);
        for (const row of rowsOf(nodes, place(nodes, q))) expect(new Set(row).size).toBe(Math.min(3, nodes.length));
      }),
    );
  });

  it('moves exactly as few slots as an independent minimum-cost flow finds necessary', () => {
    fc.assert(
      fc.property(
        fc.array(sketch, { minLength: 1, maxLength: 7 }),
        fc.array(change, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(8, 16),
        (first, then, q) => {
          forEachPlacement(first, then, q, (nodes, rows, before) => {
            if (before !== undefined) expect(movesBetween(before.rows, rows)).toBe(leastMoves(nodes, q, before.rows));
          });
        },
      ),
      { numRuns: 200 },
    );
  }, 30_000);

  it('at full size moves at most 5% more than loads and losses alone require', () => {
    // The bound knows only that each node must reach its lowest allowed load and that each lost slot must be given to somebody. It does not
    // know of moves that zones or caps force, so it is checked on one zone and weights that no cap touches; the test above has the rest.
    const mild = fc.record({ weight: fc.integer({ min: 1, max: 3 }), zone: fc.constant(0) });
    const mildChange = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), sketch: mild }),
      fc.record({ kind: fc.constantFrom('remove' as const, 'reweight' as const), at: fc.nat(), sketch: mild }),
    );
    fc.assert(
      fc.property(
        fc.array(mild, { minLength: 12, maxLength: 60 }),
        fc.array(mildChange, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(256, 1024),
        (first, then, q) => {
          forEachPlacement(first, then, q, (nodes, rows, before) => {
            if (before === undefined) return;
            const shares = naiveShares(nodes, q);
            let held = 0;
            let lacking = 0;
            nodes.forEach((node, index) => {
              const load = before.rows.filter((row) => row.includes(node.id)).length;
              held += load;
              lacking += Math.max(0, Math.ceil(shares[index]! - 1 - 1e-6) - load);
            });
            const surplus = nodes.reduce(
              (sum, node, index) => {
                const load = before.rows.filter((row) => row.includes(node.id)).length;
                return sum + Math.max(0, load - Math.floor(shares[index]! + 1 + 1e-6));
              },
              3 * q - held,
            );
            expect(movesBetween(before.rows, rows)).toBeLessThanOrEqual(1.05 * Math.max(lacking, surplus));
          });
        },
      ),
      { numRuns: 25 },
    );
  }, 30_000);

  it('moves slots only to the node that is added, when one is added where nothing else forces a move', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 256), (count, q) => {
        const first = Array.from({ length: count }, () => ({ weight: 1, zone: 0 }));
        forEachPlacement(first, [{ kind: 'add', sketch: { weight: 1, zone: 0 } }], q, (_, rows, before) => {
          before?.rows.forEach((owners, partition) => {
            const newcomers = rows[partition]!.filter((node) => !owners.includes(node));
            expect(newcomers.every((node) => node === 'x0')).toBe(true);
          });
        });
      }),
    );
  });

  it('leaves everyone who stays at the replica number it had', () => {
    fc.assert(
      fc.property(founders, steps, (first, then) => {
        forEachPlacement(first, then, 64, (nodes, rows, before) => {
          if (before === undefined || nodes.length < before.nodes.length) return;
          before.rows.forEach((owners, partition) => {
            owners.forEach((node, replica) => {
              const now = rows[partition]!.indexOf(node);
              if (now !== -1) expect(now).toBe(replica);
            });
          });
        });
      }),
    );
  });

  it('spreads the first replica of a founding of equals to within two slots', () => {
    for (const count of [1, 2, 3, 5, 7, 16, 30]) {
      const nodes = nodesOf(Array.from({ length: count }, () => ({ weight: 1, zone: 0 })));
      const firsts = rowsOf(nodes, place(nodes, 256)).map((row) => row[0]!);
      const counts = nodes.map((node) => firsts.filter((first) => first === node.id).length);
      for (const each of counts) expect(Math.abs(each - 256 / count)).toBeLessThan(2);
    }
  });

  it('does not depend on anything but its arguments', () => {
    fc.assert(
      fc.property(founders, steps, (first, then) => {
        const run = () => {
          const all: string[][][] = [];
          forEachPlacement(first, then, 64, (_, rows) => all.push(rows));
          return all;
        };
        expect(run()).toEqual(run());
      }),
      { numRuns: 20 },
    );
  });
});
