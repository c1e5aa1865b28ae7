import fc from 'fast-check';
import { expect, it } from 'vitest';
import { digestOf } from '../src/index.ts';
import { primaryKey } from '../src/keys-core.ts';
import { leafShare } from '../src/leaves.ts';
import { mergeRecord } from '../src/merge-core.ts';
import type { RecordId } from '../src/port.ts';
import { RecordCache } from '../src/record-cache.ts';
import { RecordView } from '../src/record-codec.ts';
import { after, blind, bytesOf, mergeAll } from './support/objects.ts';

const hashOf = (digest: string) => ({
  high: Number.parseInt(digest.slice(0, 8), 16) | 0,
  low: Number.parseInt(digest.slice(8), 16) | 0,
});
const recordOf = (id: RecordId, text: string, actor?: string) => {
  const bytes = bytesOf(blind('a-1', 1, text));
  return RecordView.make(bytes, hashOf(digestOf(bytes)), actor, id);
};

it('a record comes back from its bytes, and from no others', () => {
  const id = { partition: 1, bucket: 'b', key: 'k' };
  fc.assert(
    fc.property(
      fc.string({ maxLength: 300 }),
      fc.constantFrom(undefined, 'a-1', '0123456789abcdef-3f'),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (text, actor, at, by) => {
        const made = recordOf(id, text, actor);
        const read = RecordView.read(Uint8Array.from(made.stored), id);
        expect([read.actor, read.digest]).toEqual([actor, digestOf(made.bytes)]);
        expect(Buffer.from(read.bytes).equals(made.bytes)).toBe(true);
        const wrong = Uint8Array.from(made.stored);
        wrong[at % wrong.length]! ^= by;
        expect(() => RecordView.read(wrong, id)).toThrow(expect.objectContaining({ code: 'CORRUPT_RECORD' }));
      },
    ),
  );
});

it('a bounded cache answers what the table holds, keeps to its bytes, and knows ids that are written in two ways as one', () => {
  // A lone surrogate is the replacement character in UTF-8.
  const anyId = fc.record({
    partition: fc.constantFrom(0, 1),
    bucket: fc.constantFrom('b', 'c\ud800', 'c\ufffd'),
    key: fc.constantFrom('1', '2', '3', '4', 'x\ud800', 'x\ufffd', 'ü'),
  });
  const step = fc.record({ id: anyId, write: fc.boolean(), fails: fc.boolean(), settle: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.constantFrom(0, 3000, 1 << 20), (steps, maxBytes) => {
      const table = new Map<string, Uint8Array>();
      const behind = new Map<string, Uint8Array>();
      const cache = new RecordCache(
        { get: (key) => behind.get(key), show: (key, stored) => behind.set(key, Uint8Array.from(stored!)) },
        maxBytes,
      );
      steps.forEach(({ id, write, fails, settle }, n) => {
        const key = primaryKey(id);
        if (write) {
          const entry = cache.of(id);
          const record = recordOf(entry.id, `${n}`);
          entry.staged = record;
          expect(cache.of(id)).toBe(entry);
          if (fails) entry.staged = undefined;
          else {
            table.set(key, Uint8Array.from(record.stored));
            cache.show(entry);
          }
          cache.trim();
        }
        const stored = table.get(key);
        const read = cache.read(id);
        expect(read && Uint8Array.from(read.stored)).toEqual(stored);
        expect(cache.bytes).toBeLessThanOrEqual(maxBytes);
        if (!settle) return;
        for (const [at, { stored: late }] of cache.takeLate()) behind.set(at, Uint8Array.from(late));
        expect(behind).toEqual(table);
      });
    }),
  );
});

it('merging by clocks alone or decoded stores and answers the same, and tells of the same foreign dots', () => {
  const id = { partition: 1, bucket: 'b', key: 'k' };
  const anyWrite = fc.tuple(fc.constantFrom('a-1', 'b-1', 'c-1'), fc.boolean());
  fc.assert(
    fc.property(fc.array(anyWrite, { minLength: 2, maxLength: 8 }), fc.boolean(), fc.nat(7), (writes, own, split) => {
      const objects = [blind('a-1', 1, '0')];
      writes.forEach(([actor, seen], n) => {
        const last = objects.at(-1)!;
        objects.push(seen ? after(last, actor, n + 2, `${n}`) : blind(actor, n + 2, `${n}`));
      });
      const [first, second] = [
        objects.slice(0, 1 + (split % writes.length)),
        objects.slice(1 + (split % writes.length)),
      ];
      const [held, incoming] = [mergeAll(first), mergeAll(second)];
      const bytes = bytesOf(held);
      const view = RecordView.make(bytes, hashOf(digestOf(bytes)), own ? 'a-1' : undefined, id);
      const outcome = mergeRecord(id, view, bytesOf(incoming), undefined);
      const wanted = bytesOf(mergeAll([held, incoming]));
      expect(Buffer.from(outcome.after.bytes).equals(wanted)).toBe(true);
      expect(outcome.after.digest).toBe(digestOf(wanted));
      expect(outcome.after.actor).toBe(own ? 'a-1' : undefined);
      expect(outcome.merged === undefined).toBe(Buffer.from(bytesOf(incoming)).equals(wanted));
      const highest = (object: typeof held) =>
        Math.max(object.clock.vector.get('a-1') ?? 0, ...(object.clock.cloud.get('a-1') ?? []));
      const ahead = own && highest(incoming) > highest(held);
      expect(outcome.foreign).toEqual(
        ahead ? { actor: 'a-1', seen: highest(incoming), known: highest(held) } : undefined,
      );
    }),
    { numRuns: 500 },
  );
});

it('shares of one key differ as digests do', () => {
  const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const hash = fc.record({ high: int32, low: int32 });
  fc.assert(
    fc.property(hash, hash, hash, (key, one, other) => {
      fc.pre(one.high !== other.high || one.low !== other.low);
      expect(leafShare(key, one)).not.toEqual(leafShare(key, other));
    }),
  );
});
