import { foldHistory } from '@ringfort/ring';
import type { MembershipRecord } from '@ringfort/ring/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeFounding, isFounding } from '../src/founding-core.ts';
import {
  decodeRecord,
  defaultLimits,
  emptyHistory,
  encodeRecord,
  foundingLamport,
  hasRoomToAuthor,
  mergeRecords,
  nextLamport,
} from '../src/history-core.ts';

const founders = ['n1', 'n2', 'n3'];

function founded(node: string, over: Partial<Extract<MembershipRecord, { kind: 'node.founded' }>> = {}) {
  const base = {
    kind: 'node.founded',
    lamport: 1,
    author: node,
    node,
    store: `s-${node}`,
    weight: 1,
    zone: 'z',
  } as const;
  return { ...base, founders, partitions: 32, ...over } satisfies MembershipRecord;
}

function configured(bucket: string, lamport = 2, author = 'n1'): MembershipRecord {
  return { kind: 'bucket.configured', lamport, author, bucket, settings: { n: 3, r: 2, w: 2, conflict: 'siblings' } };
}

const founding = founders.map((id) => founded(id));

/** Records as a cluster could hold them, foreign and late founding records among them. */
const someRecord: fc.Arbitrary<MembershipRecord> = fc.oneof(
  fc.constantFrom(...founding),
  fc
    .tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 2, max: 9 }), fc.constantFrom(...founders))
    .map((args) => configured(...args)),
  // Founders of other clusters, which never become complete: no store writes two founding records.
  fc.constantFrom(
    founded('n9', { founders: ['n1', 'n9'], lamport: 4 }),
    founded('n8', { founders: ['n1', 'n2', 'n3', 'n8'], lamport: 1 }),
  ),
);

describe('the history', () => {
  it('is the same after any order, repetition and grouping of merges', () => {
    const batches = fc.array(fc.array(someRecord, { maxLength: 6 }), { maxLength: 8 });
    fc.assert(
      fc.property(batches, fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }), (given, order) => {
        const shuffled = order.flatMap((at) => given[at] ?? []);
        const inBatches = given.reduce((history, batch) => mergeRecords(history, batch).history, emptyHistory);
        const atOnce = mergeRecords(emptyHistory, shuffled).history;
        expect(inBatches.version).toEqual(atOnce.version);
        expect(foldHistory([...inBatches.records.values()]).version).toEqual(inBatches.version);
        const again = mergeRecords(inBatches, given.flat());
        expect(again.added).toEqual([]);
        expect(again.history).toBe(inBatches);
      }),
    );
  });

  it('counts as the ring counts', () => {
    const { history } = mergeRecords(emptyHistory, [...founding, configured('a'), configured('b', 3)]);
    const ring = foldHistory([...history.records.values()]);
    expect(ring.founded).toBe(true);
    expect(ring.version).toEqual(history.version);
    expect(history.lamport).toBe(3);
    expect(nextLamport(history)).toBe(4);
  });

  it('has a founding once every founder has written, each by its earliest record', () => {
    const late = founded('n1', { store: 'wiped', lamport: 99 });
    expect(completeFounding([founding[0], founding[1], late].filter((r) => r !== undefined))).toBeUndefined();
    const complete = completeFounding([late, ...founding]);
    expect(complete?.records.map(({ node, store }) => [node, store])).toEqual(founders.map((id) => [id, `s-${id}`]));
  });

  it('keeps a founding that is complete, whatever comes after it', () => {
    const complete = mergeRecords(emptyHistory, founding).history;
    const wiped = founded('n1', { store: 'wiped', lamport: 0 });
    const others = ['n1', 'n9'].map((id) => founded(id, { founders: ['n1', 'n9'], lamport: 0 }));
    const { history, rejected } = mergeRecords(complete, [wiped, ...others]);
    expect(history).toBe(complete);
    expect(rejected.map(({ reason }) => reason)).toEqual(['STORE_DIFFERS', 'FOUNDERS_DIFFER', 'FOUNDERS_DIFFER']);
  });

  it('leaves out founding records that are not part of a founding which is complete', () => {
    const own = founded('n9', { founders: ['n1', 'n9'] });
    const before = mergeRecords(emptyHistory, [own]).history;
    const { history, dropped, added } = mergeRecords(before, founding);
    expect(dropped).toEqual([own]);
    expect(added).toHaveLength(3);
    expect([...history.records.values()].filter(isFounding)).toHaveLength(3);
    expect(mergeRecords(history, [own]).rejected).toMatchObject([{ reason: 'FOUNDERS_DIFFER' }]);
    const wiped = founded('n1', { store: 'wiped' });
    expect(mergeRecords(history, [wiped]).rejected).toMatchObject([{ reason: 'STORE_DIFFERS' }]);
  });

  it('refuses records that no node may write', () => {
    const forged = founded('n1', { author: 'n2' });
    const unsorted = founded('n1', { founders: ['n2', 'n1'] });
    const absent = founded('n9');
    const eternal = configured('a', Number.MAX_SAFE_INTEGER);
    const { history, rejected } = mergeRecords(emptyHistory, [forged, unsorted, absent, eternal]);
    expect(history).toBe(emptyHistory);
    expect(rejected.map(({ reason }) => reason)).toEqual([
      'MALFORMED_FOUNDING',
      'MALFORMED_FOUNDING',
      'MALFORMED_FOUNDING',
      'LAMPORT_TOO_HIGH',
    ]);
  });

  it('is bounded: authors stop before merges do', () => {
    const limits = { ...defaultLimits, maxRecords: 4, maxMergedRecords: 6 };
    const records = Array.from({ length: 10 }, (_, i) => configured(`b${i}`, i));
    const { history, rejected } = mergeRecords(emptyHistory, records, limits);
    expect(history.records.size).toBe(6);
    expect(rejected.map(({ reason }) => reason)).toEqual(Array(4).fill('HISTORY_FULL'));
    expect(hasRoomToAuthor(history, limits)).toBe(false);
    const small = { ...defaultLimits, maxMergedBytes: 200 };
    expect(mergeRecords(emptyHistory, records, small).history.records.size).toBe(1);
  });

  it('is read back from its log as it was, and not at all when an entry was changed', () => {
    fc.assert(
      fc.property(someRecord, fc.nat(), (record, at) => {
        const bytes = encodeRecord(record);
        expect(decodeRecord(bytes, 0)).toEqual(record);
        const changed = Uint8Array.from(bytes);
        changed[at % changed.length] = (changed[at % changed.length] as number) ^ 1;
        let read: MembershipRecord | undefined;
        try {
          read = decodeRecord(changed, 0);
        } catch (error) {
          expect(error).toMatchObject({ code: 'HISTORY_CORRUPT' });
        }
        if (read !== undefined) expect(read).toEqual(record);
      }),
    );
  });

  it('dates a founding by the wall clock, so that a second one of a wiped founder comes later', () => {
    expect(foundingLamport(emptyHistory, 1000.5)).toBe(1000);
    const { history } = mergeRecords(emptyHistory, [founded('n2', { lamport: 5000 })]);
    expect(foundingLamport(history, 1000)).toBe(5001);
  });
});
