import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BucketSettings,
  compareRecords,
  defaultBucketSettings,
  emptyHistory,
  emptyRing,
  extendHistory,
  foldHistory,
  type MembershipRecord,
  type Ring,
  recordHash,
} from '../src/index.ts';
import { adding, founding } from './models.ts';

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const lamport = fc.integer({ min: 0, max: 12 });
const weight = fc.integer({ min: 1, max: 3 });
const zone = fc.constantFrom('x', 'y');
const settings: fc.Arbitrary<BucketSettings> = fc
  .record({ n: fc.integer({ min: 1, max: 4 }), conflict: fc.constantFrom('siblings' as const, 'lww' as const) })
  .map(({ n, conflict }) => ({ n, r: 1, w: n, conflict }));
const kind = <K extends MembershipRecord['kind']>(name: K) => fc.constant(name);

/** Few partitions and turns, so that some of them fit. */
const looseHandOver: fc.Arbitrary<MembershipRecord> = fc
  .record({
    partition: fc.integer({ min: 0, max: 1 }),
    replica: fc.integer({ min: 0, max: 3 }),
    turn: fc.integer({ min: 0, max: 2 }),
    from: fc.option(id, { nil: undefined }),
    to: fc.option(id, { nil: undefined }),
    witnesses: fc.option(fc.uniqueArray(id, { minLength: 1, maxLength: 2 }), { nil: undefined }),
  })
  .chain((slot) =>
    fc.record({ kind: kind('slot.handedOver'), lamport, author: id }).map((base) => ({ ...base, ...slot })),
  );

const loose: fc.Arbitrary<MembershipRecord> = fc.oneof(
  fc.record({ kind: kind('node.added'), lamport, author: id, node: id, store: fc.constant('s'), weight, zone }),
  fc.record({ kind: kind('node.removed'), lamport, author: id, node: id }),
  fc.record({ kind: kind('node.replaced'), lamport, author: id, node: id, by: id, store: fc.constant('t') }),
  fc.record({ kind: kind('node.reweighted'), lamport, author: id, node: id, weight }),
  fc.record({ kind: kind('node.rezoned'), lamport, author: id, node: id, zone }),
  fc.record({ kind: kind('node.leaving'), lamport, author: id, node: id }),
  fc.record({ kind: kind('node.staying'), lamport, author: id, node: id }),
  fc.record({ kind: kind('node.left'), lamport, author: id, node: id }),
  fc.record({ kind: kind('store.replaced'), lamport, author: id, node: id, store: fc.constantFrom('u', 'v') }),
  looseHandOver,
  fc.record({ kind: kind('bucket.configured'), lamport, author: id, bucket: fc.constantFrom('p', 'q'), settings }),
);

const history = fc
  .tuple(fc.uniqueArray(id, { minLength: 1, maxLength: 4 }), fc.array(loose, { maxLength: 14 }))
  .map(([ids, records]) => [...founding(ids, 16), ...records]);

function listsOf(ring: Ring): unknown[] {
  const partitions = ring.founded ? [...Array(ring.partitions).keys()] : [];
  return partitions.map((partition) => [
    ring.preferenceList(partition),
    ring.owners(partition),
    ring.targets(partition),
    ring.moves(partition),
    ring.slotVersion(partition),
  ]);
}

const ids = (ring: Ring) => ring.nodes.map((node) => node.id);

const configured = (author: string, at: number, conflict: BucketSettings['conflict'], n = 3): MembershipRecord => ({
  kind: 'bucket.configured',
  lamport: at,
  author,
  bucket: 'carts',
  settings: { n, r: 1, w: 1, conflict },
});

describe('the fold of a history', () => {
  it('is the same ring whatever the order and the number of copies of its records', () => {
    const shuffled = history.chain((records) =>
      fc.tuple(
        fc.constant(records),
        fc.shuffledSubarray([...records, ...records], { minLength: records.length * 2, maxLength: records.length * 2 }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([records, mixed]) => {
        const [one, other] = [foldHistory(records), foldHistory(mixed)];
        expect(other).toEqual(one);
        expect(listsOf(other)).toEqual(listsOf(one));
        expect(other.nodes.map(({ id }) => other.node(id))).toEqual(one.nodes);
      }),
    );
  });

  it('is the same ring in whatever portions the records come', () => {
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.integer({ min: 1, max: 4 })), (records, sizes) => {
        const order = [...records].sort((a, b) => (recordHash(a) < recordHash(b) ? -1 : 1));
        let grown = emptyHistory;
        for (let at = 0; at < order.length; ) {
          const size = sizes.next().value;
          grown = extendHistory(grown, order.slice(at, at + size));
          at += size;
        }
        expect(grown.ring).toEqual(foldHistory(records));
        expect(listsOf(grown.ring)).toEqual(listsOf(foldHistory(records)));
      }),
    );
  });

  it('gives a node another store where the node itself says so, and moves nothing', () => {
    const replaced = fc.record({
      kind: kind('store.replaced'),
      lamport: fc.constant(100),
      author: id,
      node: id,
      store: fc.constant('w'),
    });
    fc.assert(
      fc.property(history, replaced, (records, record) => {
        const [before, after] = [foldHistory(records), foldHistory([...records, record])];
        const isHeard = record.author === record.node;
        expect(after.nodes).toEqual(
          before.nodes.map((node) => (isHeard && node.id === record.node ? { ...node, store: 'w' } : node)),
        );
        expect(listsOf(after)).toEqual(listsOf(before));
      }),
    );
  });

  it('keeps the history when nothing is new', () => {
    const known = extendHistory(emptyHistory, founding(['a', 'b']));
    expect(extendHistory(known, founding(['a', 'b']))).toBe(known);
  });

  it('orders records totally: antisymmetric, transitive, 0 only for equals', () => {
    fc.assert(
      fc.property(fc.array(loose, { minLength: 3, maxLength: 8 }), (records) => {
        for (const a of records) {
          for (const b of records) {
            expect(Math.sign(compareRecords(a, b)) + Math.sign(compareRecords(b, a))).toBe(0);
            expect(compareRecords(a, b) === 0).toBe(recordHash(a) === recordHash(b));
            for (const c of records) {
              if (compareRecords(a, b) < 0 && compareRecords(b, c) < 0) expect(compareRecords(a, c)).toBeLessThan(0);
            }
          }
        }
      }),
    );
  });

  it('versions the history by the number of records and the sum of their hashes', () => {
    const records = [...founding(['a', 'b']), adding('c', 4)];
    const sum = records.reduce((total, record) => total + BigInt(`0x${recordHash(record)}`), 0n) % 2n ** 64n;
    expect(foldHistory(records).version).toEqual({ size: 3, digest: sum.toString(16).padStart(16, '0') });
    expect(emptyRing.version).toEqual({ size: 0, digest: '0000000000000000' });
  });

  it('hashes a record by its content, not by how it was written down', () => {
    const record = adding('c', 4);
    const mirrored = Object.fromEntries(Object.entries(record).reverse()) as MembershipRecord;
    expect(recordHash(mirrored)).toBe(recordHash(record));
    const configuredOnce = {
      ...configured('a', 1, 'lww'),
      settings: { n: 3, r: 1, w: 1, conflict: 'lww', dw: undefined },
    };
    expect(recordHash(configuredOnce as unknown as MembershipRecord)).toBe(recordHash(configured('a', 1, 'lww')));
    expect(recordHash(record)).toMatch(/^[0-9a-f]{16}$/);
    expect(recordHash(adding('c', 5))).not.toBe(recordHash(record));
  });
});

describe('the founding', () => {
  it('is complete only when every founder has written the same list', () => {
    const records = founding(['a', 'b', 'c']);
    const early = foldHistory(records.slice(0, 2));
    expect(early.founded).toBe(false);
    expect(early.nodes).toEqual([]);
    expect(early.preferenceList(0)).toEqual([]);
    expect(early.version.size).toBe(2);
    const ring = foldHistory(records);
    expect(ring.founded).toBe(true);
    expect(ids(ring)).toEqual(['a', 'b', 'c']);
  });

  it('does not hear a record with another list or another number of partitions', () => {
    const [a, b] = founding(['a', 'b'], 64);
    const [, otherList] = founding(['a', 'b', 'c'], 64);
    const [, otherPartitions] = founding(['a', 'b'], 128);
    expect(foldHistory([a!, otherList!]).founded).toBe(false);
    expect(foldHistory([a!, otherPartitions!]).founded).toBe(false);
    expect(foldHistory([a!, b!, ...founding(['c', 'd', 'e']).slice(0, 2)]).partitions).toBe(64);
  });

  it('takes the first of two records of one node', () => {
    const records = founding(['a', 'b'], 64);
    const second = { ...records[0]!, lamport: 2, weight: 9 } as MembershipRecord;
    expect(foldHistory([...records, second]).node('a')?.weight).toBe(1);
  });

  it('is the one whose first record comes first, when two are complete', () => {
    const first = founding(['c', 'd'], 64).map((record) => ({ ...record, lamport: 0 }));
    const ring = foldHistory([...founding(['a', 'b'], 128), ...first]);
    expect(ids(ring)).toEqual(['c', 'd']);
    expect(ring.partitions).toBe(64);
    expect(ring.version.size).toBe(4);
  });

  it('comes before all other records, whatever their Lamport times', () => {
    expect(ids(foldHistory([adding('c', 0, 'a'), ...founding(['a', 'b'])]))).toEqual(['a', 'b', 'c']);
  });
});

describe('a record that makes no sense where it falls', () => {
  const base = founding(['a', 'b', 'c'], 16);
  const removed = (node: string, at: number, author = 'a'): MembershipRecord => ({
    kind: 'node.removed',
    lamport: at,
    author,
    node,
  });
  const replaced = (node: string, by: string, at: number, author = 'a'): MembershipRecord => ({
    kind: 'node.replaced',
    lamport: at,
    author,
    node,
    by,
    store: 'other',
  });

  it.each<[string, MembershipRecord[]]>([
    ['adds a known node', [{ ...adding('b', 3), weight: 5 } as MembershipRecord]],
    ['removes an unknown node', [removed('x', 3)]],
    ['reweights an unknown node', [{ kind: 'node.reweighted', lamport: 3, author: 'a', node: 'x', weight: 2 }]],
    ['rezones an unknown node', [{ kind: 'node.rezoned', lamport: 3, author: 'a', node: 'x', zone: 'y' }]],
    ['replaces an unknown node', [replaced('x', 'y', 3)]],
    ['replaces a node by a member', [replaced('b', 'c', 3)]],
    ['replaces a node by itself', [replaced('b', 'b', 3)]],
  ])('changes nothing but the version: %s', (_, records) => {
    const ring = foldHistory([...base, ...records]);
    expect(ring.nodes).toEqual(foldHistory(base).nodes);
    expect(listsOf(ring)).toEqual(listsOf(foldHistory(base)));
    expect(ring.version).not.toEqual(foldHistory(base).version);
  });

  it('is one whose author was removed before', () => {
    expect(ids(foldHistory([...base, removed('b', 3), removed('c', 4, 'b')]))).toEqual(['a', 'c']);
    expect(ids(foldHistory([...base, removed('b', 5), removed('c', 4, 'b')]))).toEqual(['a']);
  });

  it('is one that brings back an id that was removed or replaced', () => {
    expect(ids(foldHistory([...base, removed('b', 3), adding('b', 4, 'a')]))).toEqual(['a', 'c']);
    const ring = foldHistory([...base, replaced('b', 'd', 3), adding('b', 4, 'a'), replaced('a', 'b', 5, 'c')]);
    expect(ids(ring)).toEqual(['a', 'c', 'd']);
  });

  it('is one that removes the last node', () => {
    expect(ids(foldHistory([...base, removed('b', 3), removed('c', 4), removed('a', 5)]))).toEqual(['a']);
  });

  it('gives exactly the slots of a replaced node to its replacement', () => {
    const ring = foldHistory([...base, replaced('b', 'z', 3)]);
    const before = foldHistory(base);
    expect(ring.partitionsOf('z')).toEqual(before.partitionsOf('b'));
    for (const other of ['a', 'c']) expect(ring.partitionsOf(other)).toEqual(before.partitionsOf(other));
    expect(ring.node('z')).toEqual({ ...before.node('b'), id: 'z', store: 'other' });
  });

  it('lets a replacement have what the replaced node should have had', () => {
    const ring = foldHistory([...base, adding('e', 2, 'a'), replaced('b', 'z', 3)]);
    const before = foldHistory([...base, adding('e', 2, 'a')]);
    for (let partition = 0; partition < ring.partitions; partition++) {
      const renamed = before.targets(partition).map((node) => (node === 'b' ? 'z' : node));
      expect(ring.targets(partition)).toEqual(renamed);
    }
  });
});

describe('bucket settings', () => {
  const base = founding(['a', 'b', 'c'], 16);
  const settingsOf = (...records: MembershipRecord[]) => foldHistory([...base, ...records]).bucket('carts');

  it('are the defaults until configured', () => {
    expect(settingsOf()).toEqual(defaultBucketSettings);
    expect(foldHistory(base).buckets).toEqual([]);
  });

  it('fix the conflict rule by the first configuration and change the rest by the last', () => {
    expect(settingsOf(configured('a', 2, 'lww', 2), configured('b', 3, 'siblings', 1))).toMatchObject({
      conflict: 'lww',
      n: 1,
    });
    expect(settingsOf(configured('a', 2, 'siblings'), configured('a', 3, 'lww'))).toMatchObject({
      conflict: 'siblings',
    });
  });

  it('let siblings win over lww when two authors configured at the same Lamport time', () => {
    expect(settingsOf(configured('a', 2, 'lww'), configured('b', 2, 'siblings'))).toMatchObject({
      conflict: 'siblings',
    });
    expect(settingsOf(configured('a', 2, 'siblings'), configured('b', 2, 'lww'))).toMatchObject({
      conflict: 'siblings',
    });
    expect(settingsOf(configured('a', 2, 'lww'), configured('b', 2, 'lww'))).toMatchObject({ conflict: 'lww' });
  });

  it('that no quorum can meet are not heard', () => {
    const impossible = configured('a', 2, 'lww', 3);
    expect(settingsOf({ ...impossible, settings: { n: 1, r: 2, w: 1, conflict: 'lww' } } as MembershipRecord)).toEqual(
      defaultBucketSettings,
    );
    expect(settingsOf({ ...impossible, settings: { n: 1, r: 1, w: 2, conflict: 'lww' } } as MembershipRecord)).toEqual(
      defaultBucketSettings,
    );
  });

  it('are listed by name', () => {
    const more = { ...configured('a', 3, 'lww'), bucket: 'a-first' } as MembershipRecord;
    expect(foldHistory([...base, configured('a', 2, 'lww'), more]).buckets.map(({ name }) => name)).toEqual([
      'a-first',
      'carts',
    ]);
  });
});
