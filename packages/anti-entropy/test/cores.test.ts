import { createHash } from 'node:crypto';
import { foldHistory, type MembershipRecord, partitionOf } from '@ringfort/ring';
import type { RecordName } from '@ringfort/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareNames, difference } from '../src/diff-core.ts';
import { branchesOf, differing, leavesOfBranch, leavesPerBranch, packLeaves, rootOf } from '../src/merkle-core.ts';
import { begins, pairsOf, sharedBuckets } from '../src/pairs-core.ts';
import { Rounds } from '../src/rounds-core.ts';

/** As a store's: those of two leaves have nothing in common, so they do not cancel each other out. */
const digestOf = (leaf: number, content: number) =>
  createHash('sha256').update(`${leaf} ${content}`).digest('hex').slice(0, 16);
const leaves = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 1023 }), fc.nat()), { maxLength: 50 })
  .map((rows) => new Map(rows.map(([leaf, content]) => [leaf, digestOf(leaf, content)])));

describe('the tree', () => {
  it('leads from the root to exactly the leaves that differ', () => {
    fc.assert(
      fc.property(leaves, leaves, (common, other) => {
        const [a, b] = [packLeaves(common), packLeaves(new Map([...common, ...other]))];
        const found = differing(branchesOf(a), branchesOf(b)).flatMap((branch) =>
          differing(leavesOfBranch(a, branch), leavesOfBranch(b, branch)).map(
            (leaf) => branch * leavesPerBranch + leaf,
          ),
        );
        const wanted = [...other].filter(([leaf, one]) => common.get(leaf) !== one).map(([leaf]) => leaf);
        expect(found).toEqual(wanted.sort((x, y) => x - y));
        expect(rootOf(a) === rootOf(b)).toBe(wanted.length === 0);
      }),
    );
  });

  it('sums up to the sum of its branches', () => {
    fc.assert(fc.property(leaves, (drawn) => rootOf(packLeaves(drawn)) === rootOf(branchesOf(packLeaves(drawn)))));
  });
});

describe('what two lists differ in', () => {
  const name = fc.record({ bucket: fc.constantFrom('a', 'b', 'ü'), key: fc.string({ maxLength: 3, unit: 'binary' }) });
  const list = fc
    .uniqueArray(fc.tuple(name, fc.constantFrom('one', 'two', undefined)), {
      maxLength: 30,
      selector: ([{ bucket, key }]) => `${bucket}/${key}`,
    })
    .map((rows) => rows.map(([one, held]) => ({ ...one, digest: held })).sort(compareNames));
  const text = ({ bucket, key }: RecordName) => `${bucket}/${key}`;

  it('is all that one side can give the other, and nothing else', () => {
    fc.assert(
      fc.property(list, list, fc.option(name, { nil: undefined }), (theirs, own, through) => {
        const upTo = <T extends RecordName>(all: readonly T[]) =>
          all.filter((one) => through === undefined || compareNames(one, through) <= 0);
        const { wants, offers } = difference(theirs, upTo(own), through);
        const mine = new Map(own.map((one) => [text(one), one.digest]));
        const yours = new Map(theirs.map((one) => [text(one), one.digest]));
        const wanted = upTo(theirs).filter((one) => one.digest !== undefined && mine.get(text(one)) !== one.digest);
        expect(wants.map((index) => text(theirs[index]!))).toEqual(wanted.map(text));
        const offered = upTo(own).filter((one) => one.digest !== undefined && yours.get(text(one)) === undefined);
        expect(offers.map(text).sort()).toEqual(offered.map(text).sort());
      }),
    );
  });

  it('is told in the order of the bytes of UTF-8', () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        const bytes = (one: RecordName) => Buffer.concat([Buffer.from(`${one.bucket}\u0000`), Buffer.from(one.key)]);
        expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(bytes(a), bytes(b)));
      }),
    );
  });
});

const nodes = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
function ringWith(buckets: Readonly<Record<string, number>>) {
  const founded = nodes.map(
    (node): MembershipRecord => ({
      kind: 'node.founded',
      lamport: 1,
      author: node,
      node,
      store: node,
      weight: 1,
      zone: node,
      founders: nodes,
      partitions: 16,
    }),
  );
  const configured = Object.entries(buckets).map(
    ([bucket, n], i): MembershipRecord => ({
      kind: 'bucket.configured',
      lamport: 2 + i,
      author: 'n1',
      bucket,
      settings: { n, r: 1, w: 1, conflict: 'siblings' },
    }),
  );
  return foldHistory([...founded, ...configured]);
}

describe('what two nodes share', () => {
  it('is exactly the buckets of which both are among the first n', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 6 })), (buckets) => {
        const ring = ringWith(buckets);
        for (const self of nodes) {
          const pairs = pairsOf(ring, self);
          for (const peer of nodes)
            for (let partition = 0; partition < ring.partitions; partition++) {
              const list = ring.preferenceList(partition);
              const both = (bucket: string) => {
                const primaries = list.slice(0, ring.bucket(bucket).n);
                return self !== peer && primaries.includes(self) && primaries.includes(peer);
              };
              const scope = sharedBuckets(ring, partition, self, peer);
              const all = ['a', 'b', 'c', 'd', 'of default settings'];
              for (const bucket of all) {
                const isIn =
                  scope !== 'none' && (scope === undefined || scope.buckets.includes(bucket) !== scope.except);
                expect(isIn).toBe(both(bucket));
              }
              expect(pairs.get(peer)?.includes(partition) ?? false).toBe(all.some(both));
            }
        }
      }),
      { numRuns: 20 },
    );
  });

  it('is begun by one of the two', () => {
    for (let partition = 0; partition < 4; partition++)
      expect(begins(partition, 'n1', 'n2')).toBe(!begins(partition, 'n2', 'n1'));
    expect(partitionOf('b', 'k', 16)).toBeLessThan(16);
  });
});

describe('the rounds of a node', () => {
  const rounds = () => {
    const made = new Rounds({
      self: 'n1',
      intervalMs: 1000,
      retryMs: 100,
      maxExchanges: 2,
      random: () => 0.5,
      isFilled: () => true,
    });
    made.setPairs(
      new Map([
        ['n2', [0, 1, 2, 3]],
        ['n3', [0, 1]],
      ]),
      0,
    );
    return made;
  };
  const up = () => true;
  const equal = (partitions: readonly number[]) => ({ equal: partitions, differing: [] });

  it('ask a new peer for all, and later for the half that is theirs to begin', () => {
    const made = rounds();
    expect(made.duePeer(0, up)).toBe('n2');
    expect(made.toCompare('n2')).toEqual([0, 1, 2, 3]);
    made.compared('n2', equal([0, 1, 2, 3]), 0);
    expect(made.toCompare('n2')).toEqual([0, 2]);
    expect(made.duePeer(0, up)).toBe('n3');
    made.compared('n3', equal([0, 1]), 0);
    expect(made.duePeer(999, up)).toBeUndefined();
    expect(made.untilDueMs(400, up)).toBe(600);
    expect(made.duePeer(1000, up)).toBe('n2');
  });

  it('leave out who is down, and go to who comes back at once', () => {
    const made = rounds();
    for (const [peer, partitions] of [
      ['n2', [0, 1, 2, 3]],
      ['n3', [0, 1]],
    ] as const)
      made.compared(peer, equal(partitions), 0);
    const isUp = (peer: string) => peer !== 'n2';
    expect(made.duePeer(1000, isUp)).toBe('n3');
    expect(made.untilDueMs(0, () => false)).toBeUndefined();
    made.cameBack('n2', 500);
    expect(made.duePeer(500, up)).toBe('n2');
    made.comparisonFailed('n2', 500);
    expect(made.duePeer(599, up)).toBeUndefined();
    expect(made.duePeer(600, up)).toBe('n2');
  });

  it('exchange the most stale pair first, a few at a time, and none twice at once', () => {
    const made = rounds();
    made.compared('n2', equal([0, 2]), 10);
    made.compared('n2', equal([1]), 20);
    made.compared('n2', { equal: [], differing: [0, 1, 2, 3] }, 30);
    const next = () => made.nextExchange(up);
    const [first, second] = [next()!, next()!];
    expect([first.partition, second.partition]).toEqual([3, 0]);
    expect(next()).toBeUndefined();
    expect(made.exchanging).toBe(2);
    expect([made.isBusy(0, 'n2'), made.isBusy(3, 'n2'), made.isBusy(2, 'n2')]).toEqual([true, false, false]);
    expect(made.toCompare('n2')).toEqual([]);
    made.exchanged(second, false, 40);
    expect(next()!.partition).toBe(2);
    made.exchanged(first, true, 50);
    expect(next()!.partition).toBe(1);
    expect(made.toCompare('n2')).toEqual([0]);
    expect(made.stalestMs(60)).toBe(60 - 0);
  });

  it('keep what they know of pairs that stay when the ring changes', () => {
    const made = rounds();
    made.compared('n2', equal([0, 1, 2, 3]), 500);
    made.setPairs(
      new Map([
        ['n2', [0, 1]],
        ['n4', [0]],
      ]),
      600,
    );
    expect(made.duePeer(600, up)).toBe('n4');
    made.compared('n4', equal([0]), 600);
    expect(made.duePeer(600, up)).toBeUndefined();
    made.setPairs(new Map([['n2', [0, 1, 9]]]), 700);
    expect(made.duePeer(700, up)).toBe('n2');
    expect(made.stalestMs(800)).toBe(300);
  });
});
