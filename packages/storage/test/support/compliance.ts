import { encodeObject, mergeObjects, type VersionedObject } from '@ringfort/versioning';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MemoryStoreOptions } from '../../src/index.ts';
import { digestOf, labelOf, type RecordId } from '../../src/index.ts';
import { primaryKey } from '../../src/keys-core.ts';
import { leafPlace } from '../../src/leaves.ts';
import type { StoreEngine } from '../../src/store-engine.ts';
import { after, blind, bytesOf, leavesByFold, mergeAll, rootByFold, textsOf, xorOf } from './objects.ts';

type Options = Pick<MemoryStoreOptions, 'durability' | 'maxHintBytesPerTarget' | 'clock' | 'maxQueuedWrites'>;

/** A place where stores live. */
export interface Site {
  open(options?: Options): Promise<StoreEngine>;
  /** Closes the store and opens what it left; undefined where nothing is left. */
  readonly reopen: ((store: StoreEngine, options?: Options) => Promise<StoreEngine>) | undefined;
  remove(): Promise<void>;
}

const all = { maxItems: 10_000, maxBytes: 1 << 30 };
const id = (key: string, partition = 1, bucket = 'b'): RecordId => ({ partition, bucket, key });
const rejection = (work: Promise<unknown>): Promise<{ code?: string; details?: unknown }> =>
  work.then(
    () => {
      throw new Error('was expected to be refused');
    },
    (error) => error,
  );

/** All that the port promises, of any store. */
export function storeCompliance(name: string, makeSite: () => Site): void {
  describe(`${name}: the store port`, () => {
    let site: Site;
    let store: StoreEngine;
    beforeEach(async () => {
      site = makeSite();
      store = await site.open();
    });
    afterEach(async () => {
      await store.close();
      await site.remove();
    });
    const reopened = async (options?: Options) => {
      if (site.reopen !== undefined) store = await site.reopen(store, options);
      return store;
    };
    const openWith = async (options: Options) => {
      await store.close();
      await site.remove();
      site = makeSite();
      store = await site.open(options);
      return store;
    };

    describe('records', () => {
      it('reads what was written: bytes, object, digest and the local actor', async () => {
        const bytes = bytesOf(blind('a-1', 1, 'one'));
        const written = await store.write(id('k'), bytes, { actor: 'a-1' });
        expect(written).toEqual({ digest: digestOf(bytes), merged: undefined, durable: true });
        const record = (await reopened()).read(id('k'))!;
        expect(Buffer.from(record.bytes).equals(bytes)).toBe(true);
        expect(record.digest).toBe(digestOf(bytes));
        expect(record.actor).toBe('a-1');
        expect(textsOf(record.object)).toEqual(['one']);
        expect(store.read(id('other'))).toBeUndefined();
        expect(store.read(id('k', 2))).toBeUndefined();
        expect(store.read(id('k', 1, 'c'))).toBeUndefined();
      });

      it('does not keep the memory it was handed', async () => {
        const bytes = Uint8Array.from(bytesOf(blind('a-1', 1, 'one')));
        const wanted = Buffer.from(bytes);
        await store.write(id('k'), bytes);
        bytes.fill(0);
        expect(wanted.equals(store.read(id('k'))!.bytes)).toBe(true);
      });

      it('merges concurrent writes and says so', async () => {
        const [a, b] = [blind('a-1', 1, 'one'), blind('b-1', 1, 'two')];
        const merged = bytesOf(mergeObjects(a, b));
        await store.write(id('k'), bytesOf(a));
        const written = await store.write(id('k'), bytesOf(b));
        expect(written.digest).toBe(digestOf(merged));
        expect(Buffer.from(written.merged!).equals(merged)).toBe(true);
        expect(textsOf(store.read(id('k'))!.object)).toEqual(['one', 'two']);
      });

      it('answers a write that it already covers with what it holds', async () => {
        const old = blind('a-1', 1, 'one');
        const held = after(old, 'a-1', 2, 'two');
        await store.write(id('k'), bytesOf(held));
        const written = await store.write(id('k'), bytesOf(old));
        expect(Buffer.from(written.merged!).equals(bytesOf(held))).toBe(true);
        expect(written.digest).toBe(digestOf(bytesOf(held)));
      });

      it('takes a write that covers what it holds as it is, and keeps the local actor', async () => {
        const old = blind('a-1', 1, 'one');
        const next = after(old, 'b-1', 1, 'two');
        await store.write(id('k'), bytesOf(old), { actor: 'a-1' });
        expect((await store.write(id('k'), bytesOf(next))).merged).toBeUndefined();
        expect(store.read(id('k'))!.actor).toBe('a-1');
        await store.write(id('k'), bytesOf(next), { actor: 'c-1' });
        expect((await reopened()).read(id('k'))!.actor).toBe('c-1');
      });

      it('takes equal objects as done', async () => {
        const bytes = bytesOf(blind('a-1', 1, 'one'));
        await store.write(id('k'), bytes);
        expect(await store.write(id('k'), bytes)).toEqual({
          digest: digestOf(bytes),
          merged: undefined,
          durable: true,
        });
        expect(store.stats().records).toBe(1);
      });

      it('lets writes of one turn see each other', async () => {
        const objects = ['a', 'b', 'c', 'd'].map((actor) => blind(`${actor}-1`, 1, actor));
        await Promise.all(objects.map((object) => store.write(id('k'), bytesOf(object))));
        expect(textsOf(store.read(id('k'))!.object)).toEqual(['a', 'b', 'c', 'd']);
        expect(store.stats().records).toBe(1);
      });

      it('refuses bytes that are no object, and only them', async () => {
        const good = store.write(id('good'), bytesOf(blind('a-1', 1, 'one')));
        const bad = rejection(store.write(id('bad'), Uint8Array.of(9, 9, 9)));
        expect((await bad).code).toBeTypeOf('string');
        await good;
        expect(store.read(id('good'))).toBeDefined();
        expect(store.read(id('bad'))).toBeUndefined();
        expect(store.stats().records).toBe(1);
      });

      it('refuses names that do not fit', async () => {
        const bytes = bytesOf(blind('a-1', 1, 'one'));
        await store.write(id('k'.repeat(1024)), bytes);
        expect(store.read(id('k'.repeat(1024)))).toBeDefined();
        expect((await rejection(store.write(id('k'.repeat(1025)), bytes))).code).toBe('KEY_TOO_LONG');
        expect((await rejection(store.write(id('ä'.repeat(513)), bytes))).code).toBe('KEY_TOO_LONG');
        expect((await rejection(store.write(id('k', 1, 'b'.repeat(129)), bytes))).code).toBe('KEY_TOO_LONG');
        expect(() => store.read(id('k'.repeat(1025)))).toThrow(expect.objectContaining({ code: 'KEY_TOO_LONG' }));
      });

      it('is Map and mergeObjects, whatever the order of writes', { timeout: 20_000 }, async () => {
        const write = fc.record({
          key: fc.constantFrom('x', 'y', 'z\u0000', 'ü'),
          partition: fc.constantFrom(0, 65_535),
          actor: fc.constantFrom('a-1', 'b-1', 'c-1'),
          seen: fc.boolean(),
          turn: fc.boolean(),
        });
        await fc.assert(
          fc.asyncProperty(fc.array(write, { maxLength: 40 }), async (writes) => {
            const bucket = `run${runs++}`;
            const model = new Map<string, VersionedObject>();
            const made = new Map<string, VersionedObject[]>();
            let counter = 0;
            let turn: Promise<unknown>[] = [];
            for (const step of writes) {
              const slot = `${step.partition}/${step.key}`;
              const held = model.get(slot);
              counter++;
              const object =
                step.seen && held !== undefined
                  ? after(held, step.actor, counter, `${counter}`)
                  : blind(step.actor, counter, `${counter}`);
              made.set(slot, [...(made.get(slot) ?? []), object]);
              model.set(slot, held === undefined ? object : mergeObjects(held, object));
              turn.push(store.write({ partition: step.partition, bucket, key: step.key }, bytesOf(object)));
              if (step.turn) {
                await Promise.all(turn);
                turn = [];
              }
            }
            await Promise.all(turn);
            for (const [slot, object] of model) {
              const [partition, key] = slot.split('/') as [string, string];
              const record = store.read({ partition: Number(partition), bucket, key })!;
              expect(Buffer.from(record.bytes).equals(encodeObject(object))).toBe(true);
              expect(encodeObject(mergeAll(made.get(slot)!))).toEqual(encodeObject(object));
            }
            for (const partition of [0, 65_535]) {
              expect(new Map(store.leaves(partition))).toEqual(leavesByFold(store, partition));
              expect(store.root(partition)).toBe(rootByFold(store, partition));
            }
          }),
          { numRuns: 30 },
        );
        await reopened();
        for (const partition of [0, 65_535]) {
          expect(new Map(store.leaves(partition))).toEqual(leavesByFold(store, partition));
          expect(store.root(partition)).toBe(rootByFold(store, partition));
        }
      });
    });

    describe('leaves', () => {
      const buckets = ['a', 'a\u0000', 'b'];
      const put = (bucket: string, key: string, counter: number) =>
        store.write({ partition: 7, bucket, key }, bytesOf(blind('a-1', counter, `${counter}`)));

      it('are told for some buckets of a partition, whether summed up before or after a write', async () => {
        const scopes = buckets.flatMap((bucket) => [false, true].map((except) => ({ buckets: [bucket], except })));
        scopes.push({ buckets: ['a', 'b'], except: true }, { buckets: [], except: false });
        const check = () => {
          for (const scope of scopes) {
            const expected = leavesByFold(store, 7, ({ bucket }) => scope.buckets.includes(bucket) !== scope.except);
            expect(new Map(store.leaves(7, scope))).toEqual(expected);
            expect(store.root(7, scope)).toBe(xorOf(expected));
          }
        };
        for (const bucket of buckets) await put(bucket, 'k', 1);
        check();
        for (const bucket of buckets) for (const counter of [2, 3]) await put(bucket, `k${counter % 2}`, counter);
        check();
        await reopened();
        check();
      });

      it('lead to the records on them, in pages, in the order of bytes', async () => {
        const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
        await Promise.all(buckets.flatMap((bucket) => keys.map((key, i) => put(bucket, key, i + 1))));
        await reopened();
        await put('b', 'k7', 100);
        const bytewise = (x: string, y: string) => Buffer.compare(Buffer.from(x), Buffer.from(y));
        const ids = buckets.flatMap((bucket) => [...keys].sort(bytewise).map((key) => ({ bucket, key })));
        const leafOf = (name: { bucket: string; key: string }) => leafPlace(primaryKey({ partition: 7, ...name })).leaf;
        const leaves = new Set([...ids.slice(40, 150).map(leafOf), 5]);
        const scope = { buckets: ['a'], except: true };
        const wanted = ids
          .filter((name) => leaves.has(leafOf(name)) && name.bucket !== 'a')
          .map((name) => ({ ...name, digest: store.read({ partition: 7, ...name })!.digest }));
        for (const limits of [
          { maxItems: 1000, maxLookedAt: 1000 },
          { maxItems: 4, maxLookedAt: 1000 },
          { maxItems: 100, maxLookedAt: 7 },
        ]) {
          const found: unknown[] = [];
          let after: { bucket: string; key: string } | undefined;
          do {
            const page = store.digests({ partition: 7, leaves, scope, after }, limits);
            expect(page.items.length).toBeLessThanOrEqual(limits.maxItems);
            found.push(...page.items);
            after = page.through;
          } while (after !== undefined);
          expect(found).toEqual(wanted);
        }
        const [first, last] = [wanted[2]!, wanted.at(-3)!];
        const part = { partition: 7, leaves, scope, after: first, until: last };
        const page = store.digests(part, { maxItems: 1000, maxLookedAt: 1000 });
        expect(page).toEqual({ items: wanted.slice(3, -2), through: undefined });
        expect(store.digests({ ...part, until: first }, { maxItems: 1, maxLookedAt: 1 }).items).toEqual([]);
      });
    });

    describe('forgetting records', () => {
      const put = (key: string, counter: number, partition = 7, bucket = 'b') =>
        store.write({ partition, bucket, key }, bytesOf(blind('a-1', counter, `${counter}`)));
      const held = (partition = 7) => store.fold({ partition }, all).items.map(({ id }) => id.key);

      it('takes the first ones, as many as asked for, while the partition is as expected', async () => {
        for (const key of ['a', 'b', 'c', 'd', 'e']) await put(key, 1);
        await put('elsewhere', 1, 8);
        await store.writeHint(id('a', 7), bytesOf(blind('b-1', 1, 'hint')), ['n2']);
        await reopened();
        const stale = { root: store.root(7) };
        await put('f', 2);
        const refused = await store.dropRecords(7, stale, 10);
        expect(refused).toEqual({ outcome: 'changed', dropped: 0, root: store.root(7) });
        const first = await store.dropRecords(7, refused, 4);
        expect(first).toEqual({ outcome: 'partly', dropped: 4, root: store.root(7) });
        expect([held(), store.read(id('a', 7))]).toEqual([['e', 'f'], undefined]);
        await reopened();
        expect(store.root(7)).toBe(rootByFold(store, 7));
        expect(await store.dropRecords(7, first, 10)).toMatchObject({
          outcome: 'all',
          dropped: 2,
          root: '0'.repeat(16),
        });
        await reopened();
        expect(held()).toEqual([]);
        expect([...store.leaves(7)]).toEqual([]);
        expect(store.readHint(id('a', 7))).toBeDefined();
        expect(store.stats()).toMatchObject({ records: 1, hintRecords: 1 });
      });

      it('is a Map that is emptied, beside writes of the same turn', { timeout: 20_000 }, async () => {
        const step = fc.record({
          what: fc.constantFrom('write', 'write', 'write', 'drop'),
          key: fc.constantFrom('x', 'y', 'z'),
          maxItems: fc.integer({ min: 1, max: 3 }),
          turn: fc.boolean(),
        });
        let counter = 0;
        let partition = 100;
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
            partition += 1;
            const before = store.stats().records;
            const model = new Map<string, VersionedObject>();
            let turn: Promise<unknown>[] = [];
            for (const { what, key, maxItems, turn: ends } of steps) {
              if (what === 'write') {
                const object = blind('a-1', ++counter, `${counter}`);
                const old = model.get(key);
                model.set(key, old === undefined ? object : mergeObjects(old, object));
                turn.push(store.write(id(key, partition), bytesOf(object)));
              } else {
                await Promise.all(turn);
                turn = [store.dropRecords(partition, { root: store.root(partition) }, maxItems)];
                for (const first of [...model.keys()].sort().slice(0, maxItems)) model.delete(first);
              }
              if (ends) {
                await Promise.all(turn);
                turn = [];
              }
            }
            await Promise.all(turn);
            expect(held(partition)).toEqual([...model.keys()].sort());
            for (const [key, object] of model)
              expect(store.read(id(key, partition))!.digest).toBe(digestOf(encodeObject(object)));
            expect(store.stats().records).toBe(before + model.size);
            expect(new Map(store.leaves(partition))).toEqual(leavesByFold(store, partition));
            await store.dropRecords(partition, { root: store.root(partition) }, 10);
          }),
          { numRuns: 40 },
        );
        await reopened();
        expect([held(partition), store.root(partition)]).toEqual([[], '0'.repeat(16)]);
      });
    });

    describe('folds', () => {
      const write = async (ids: readonly RecordId[]) => {
        await Promise.all(ids.map((one) => store.write(one, bytesOf(blind('a-1', 1, one.key)))));
      };
      const walk = (
        query: { partition: number; bucket?: string; fromKey?: string },
        maxItems: number,
        maxBytes = 1 << 30,
      ) => {
        const pages: string[][] = [];
        let after: Uint8Array | undefined;
        do {
          const { items, next } = store.fold({ ...query, ...(after && { after }) }, { maxItems, maxBytes });
          pages.push(items.map(({ id }) => `${id.bucket}/${id.key}`));
          after = next;
        } while (after !== undefined);
        return pages;
      };

      it('walks a partition, or a bucket of it, in the order of bytes', async () => {
        const buckets = ['a', 'a\u0000', 'a\u0000b', 'a\u0001', 'ab', 'b', 'ü'];
        const keys = ['1', '10', '2', 'Z', 'z', 'ÿ', '\u{1f600}', '\u0000'];
        const ids = buckets.flatMap((bucket) => keys.map((key) => id(key, 7, bucket)));
        await write([...ids, id('elsewhere', 6), id('elsewhere', 8)]);
        await reopened();
        const bytewise = (x: string, y: string) => Buffer.compare(Buffer.from(x), Buffer.from(y));
        const sorted = [...buckets]
          .sort(bytewise)
          .flatMap((bucket) => [...keys].sort(bytewise).map((key) => `${bucket}/${key}`));
        expect(walk({ partition: 7 }, 10_000)).toEqual([sorted]);
        expect(walk({ partition: 7 }, 5).flat()).toEqual(sorted);
        for (const bucket of buckets)
          expect(walk({ partition: 7, bucket }, 3).flat()).toEqual(
            sorted.filter(
              (one) =>
                one.startsWith(`${bucket}/`) &&
                one.length >= bucket.length + 2 &&
                buckets.every(
                  (other) => other === bucket || other.length <= bucket.length || !one.startsWith(`${other}/`),
                ),
            ),
          );
        expect(walk({ partition: 9 }, 5)).toEqual([[]]);
      });

      it('starts at a key', async () => {
        await write(['a', 'b', 'c', 'd'].map((key) => id(key)));
        expect(walk({ partition: 1, bucket: 'b', fromKey: 'bb' }, 10)).toEqual([['b/c', 'b/d']]);
        expect(walk({ partition: 1, bucket: 'b', fromKey: 'b' }, 2)).toEqual([['b/b', 'b/c'], ['b/d']]);
      });

      it('keeps to the bytes asked for, but gives one record at least', async () => {
        await write(['a', 'b', 'c', 'd'].map((key) => id(key)));
        const size = store.read(id('a'))!.bytes.length;
        expect(walk({ partition: 1 }, 10, 1)).toEqual([['b/a'], ['b/b'], ['b/c'], ['b/d']]);
        expect(walk({ partition: 1 }, 10, size * 2)).toEqual([
          ['b/a', 'b/b'],
          ['b/c', 'b/d'],
        ]);
      });

      it('sees new and older writes as one', async () => {
        await write(['a', 'c'].map((key) => id(key)));
        await reopened();
        await write(['b', 'c', 'd'].map((key) => id(key)));
        expect(walk({ partition: 1 }, 2).flat()).toEqual(['b/a', 'b/b', 'b/c', 'b/d']);
      });
    });

    describe('stand-in records', () => {
      const page = { maxItems: 2, maxBytes: 1 << 20 };
      const owed = (target: string) => {
        const keys: string[] = [];
        let after: Uint8Array | undefined;
        do {
          const { items, next } = store.hints(target, after, page);
          expect(items.length).toBeLessThanOrEqual(2);
          keys.push(...items.map((hint) => hint.id.key));
          after = next;
        } while (after !== undefined);
        return keys;
      };

      it('are apart from primary records', async () => {
        await store.write(id('k'), bytesOf(blind('a-1', 1, 'primary')));
        await store.writeHint(id('k'), bytesOf(blind('b-1', 1, 'stand-in')), ['n2']);
        await reopened();
        expect(textsOf(store.read(id('k'))!.object)).toEqual(['primary']);
        expect(textsOf(store.readHint(id('k'))!.object)).toEqual(['stand-in']);
        expect(store.stats()).toMatchObject({ records: 1, hintRecords: 1 });
        expect(store.fold({ partition: 1 }, all).items).toHaveLength(1);
      });

      it('are one per key, owed to a set of targets, and merge', async () => {
        await store.writeHint(id('k'), bytesOf(blind('a-1', 1, 'one')), ['n2'], { actor: 'a-1' });
        const written = await store.writeHint(id('k'), bytesOf(blind('b-1', 1, 'two')), ['n3', 'n2']);
        await reopened();
        expect(textsOf(store.readHint(id('k'))!.object)).toEqual(['one', 'two']);
        expect(store.readHint(id('k'))).toMatchObject({ digest: written.digest, actor: 'a-1' });
        for (const target of ['n2', 'n3']) {
          const [hint] = store.hints(target, undefined, page).items;
          expect(hint).toMatchObject({ id: id('k'), digest: written.digest });
          expect([...hint!.owedTo].sort()).toEqual(['n2', 'n3']);
        }
        expect(store.stats().hintRecords).toBe(1);
      });

      it('are paged in the order of their keys, each target by itself', async () => {
        for (const key of ['e', 'c', 'a', 'd', 'b'])
          await store.writeHint(id(key), bytesOf(blind('a-1', 1, key)), ['n2']);
        await store.writeHint(id('c'), bytesOf(blind('a-1', 1, 'c')), ['n', 'n22']);
        await reopened();
        expect(owed('n2')).toEqual(['a', 'b', 'c', 'd', 'e']);
        expect([owed('n'), owed('n22'), owed('n3')]).toEqual([['c'], ['c'], []]);
        const size = store.hints('n2', undefined, all).items[0]!.bytes!.length;
        expect(store.hints('n2', undefined, { maxItems: 10, maxBytes: size * 3 }).items).toHaveLength(3);
      });

      it('go when every target has acknowledged exactly what is held', async () => {
        const first = await store.writeHint(id('k'), bytesOf(blind('a-1', 1, 'one')), ['n2', 'n3']);
        const second = await store.writeHint(id('k'), bytesOf(blind('b-1', 1, 'two')), ['n2']);
        await store.hintDelivered(id('k'), 'n2', first.digest);
        expect(owed('n2')).toEqual(['k']);
        await store.hintDelivered(id('k'), 'n9', second.digest);
        await store.hintDelivered(id('k'), 'n2', second.digest);
        expect([owed('n2'), owed('n3')]).toEqual([[], ['k']]);
        await store.hintDelivered(id('k'), 'n2', second.digest);
        expect(store.readHint(id('k'))).toBeDefined();
        await store.hintDelivered(id('k'), 'n3', second.digest);
        await reopened();
        expect(store.readHint(id('k'))).toBeUndefined();
        expect(store.hintStats()).toEqual([]);
        expect(store.stats().hintRecords).toBe(0);
        await store.hintDelivered(id('never'), 'n3', second.digest);
      });

      it('are counted exactly', { timeout: 20_000 }, async () => {
        let nowMs = 1000;
        const clock = {
          now: () => nowMs,
          monotonicMs: () => nowMs,
          setTimeout: () => 0,
          clearTimeout: () => undefined,
        };
        await openWith({ clock });
        const model = new Map<string, Map<string, number>>();
        const expected = () => {
          const stats = new Map<string, { count: number; bytes: number; oldestMs: number }>();
          for (const [key, targets] of model)
            for (const [target, takenMs] of targets) {
              const one = stats.get(target) ?? { count: 0, bytes: 0, oldestMs: Number.POSITIVE_INFINITY };
              one.count++;
              one.bytes += store.readHint(id(key))!.bytes.length + 10;
              one.oldestMs = Math.min(one.oldestMs, takenMs);
              stats.set(target, one);
            }
          return [...stats].map(([target, one]) => ({ target, ...one })).sort((a, b) => (a.target < b.target ? -1 : 1));
        };
        const actual = () => [...store.hintStats()].sort((a, b) => (a.target < b.target ? -1 : 1));
        const step = fc.record({
          key: fc.constantFrom('x', 'y', 'z'),
          target: fc.constantFrom('n1', 'n2'),
          deliver: fc.boolean(),
          again: fc.nat(3),
        });
        let counter = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
            for (const { key, target, deliver, again } of steps) {
              nowMs += again;
              const targets = model.get(key) ?? new Map<string, number>();
              if (deliver) {
                const digest = store.readHint(id(key))?.digest ?? '';
                await store.hintDelivered(id(key), target, digest);
                targets.delete(target);
              } else {
                counter++;
                await store.writeHint(id(key), bytesOf(blind('a-1', counter, 'v'.repeat(again * 10))), [target]);
                if (!targets.has(target)) targets.set(target, nowMs);
              }
              if (targets.size === 0) model.delete(key);
              else model.set(key, targets);
            }
            expect(actual()).toEqual(expected());
            expect(store.stats().hintRecords).toBe(model.size);
          }),
          { numRuns: 20 },
        );
        await reopened({ clock });
        expect(actual()).toEqual(expected());
      });

      it('are refused past a target’s bytes, and taken again when some were delivered', async () => {
        await openWith({ maxHintBytesPerTarget: 300 });
        const bytes = (key: string) => bytesOf(blind('a-1', 1, key.repeat(100)));
        const a = await store.writeHint(id('a'), bytes('a'), ['n2']);
        await store.writeHint(id('b'), bytes('b'), ['n2']);
        expect(await rejection(store.writeHint(id('c'), bytes('c'), ['n2', 'n3']))).toMatchObject({
          code: 'HINTS_FULL',
          details: { target: 'n2' },
        });
        expect(store.hintStats().map(({ target }) => target)).toEqual(['n2']);
        expect(store.readHint(id('c'))).toBeUndefined();
        await store.writeHint(id('c'), bytes('c'), ['n3']);
        await store.hintDelivered(id('a'), 'n2', a.digest);
        await store.writeHint(id('d'), bytes('d'), ['n2']);
        const turn = await Promise.allSettled(
          ['e', 'f', 'g'].map((key) => store.writeHint(id(key), bytes(key), ['n4'])),
        );
        expect(turn.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
      });
    });

    describe('barriers and meta', () => {
      it('refuses writes from before the barrier', async () => {
        expect(store.barrier(1)).toBe(0);
        await store.raiseBarrier(1, 3);
        await store.raiseBarrier(1, 2);
        await reopened();
        expect([store.barrier(1), store.barrier(2)]).toEqual([3, 0]);
        const bytes = bytesOf(blind('a-1', 1, 'one'));
        expect(await rejection(store.write(id('k'), bytes, { barrier: 2 }))).toMatchObject({ code: 'BARRIER_BEHIND' });
        expect(await rejection(store.writeHint(id('k'), bytes, ['n2'], { barrier: 0 }))).toMatchObject({
          code: 'BARRIER_BEHIND',
        });
        await store.write(id('k'), bytes, { barrier: 3 });
        await store.write(id('k2'), bytes);
      });

      it('adopts a barrier once, durably, and falls back to what it keeps for others', async () => {
        const bytes = bytesOf(blind('a-1', 1, 'one'));
        const state = () => [store.barrier(1), store.label(1), store.adoptedBarrier(1)];
        expect(await store.adoptBarrier(1, 5, false)).toBe(true);
        expect(await store.adoptBarrier(1, 5, false)).toBe(false);
        expect(await store.adoptBarrier(1, 5, true)).toBe(true);
        expect(await store.adoptBarrier(1, 4, true)).toBe(false);
        await reopened();
        expect(state()).toEqual([0, 5, 5]);
        const { digest } = await store.writeHint(id('k'), bytes, ['n2'], { barrier: 3 });
        expect(state()).toEqual([0, 3, 5]);
        // Of what it keeps for others alone: all that it says would be refused by those who have raised theirs.
        expect([true, false].map((standIn) => labelOf(store, 1, standIn))).toEqual([3, 5]);
        await reopened();
        expect(store.label(1)).toBeLessThanOrEqual(3);
        const owed = { code: 'STAND_INS_OWED', details: { partition: 1 } };
        expect(await rejection(store.adoptBarrier(1, 5, true))).toMatchObject(owed);
        expect(await rejection(store.raiseBarrier(1, 5))).toMatchObject(owed);
        await store.hintDelivered(id('k'), 'n2', digest);
        expect(state()).toEqual([0, 5, 5]);
        await store.raiseBarrier(1, 5);
        await reopened();
        expect(state()).toEqual([5, 5, 5]);
      });

      it('does not adopt what a stand-in record of the same turn lies before', async () => {
        const bytes = bytesOf(blind('a-1', 1, 'one'));
        const hint = (key: string) => store.writeHint(id(key), bytes, ['n2'], { barrier: 0 });
        const turn = await Promise.allSettled([hint('a'), store.adoptBarrier(1, 2, false), hint('b')]);
        expect(turn.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
        const next = await Promise.allSettled([
          store.adoptBarrier(2, 2, false),
          store.writeHint(id('a', 2), bytes, ['n2'], { barrier: 1 }),
        ]);
        expect(next.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
        expect([store.label(2), store.adoptedBarrier(2)]).toEqual([1, 2]);
        const last = await Promise.allSettled([
          store.raiseBarrier(3, 2),
          store.writeHint(id('a', 3), bytes, ['n2'], { barrier: 1 }),
        ]);
        expect(last.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      });

      it('collects records that are as they were, and leaves the others', async () => {
        const object = blind('a-1', 3, 'kept');
        const grown = { ...object, clock: { ...object.clock, vector: new Map([...object.clock.vector, ['z-1', 9]]) } };
        for (const key of ['gone', 'changed']) await store.write(id(key, 7), bytesOf(object), { actor: 'a-1' });
        await store.write(id('shorter', 7), bytesOf(grown), { actor: 'a-1' });
        await store.write(id('fresh', 7), bytesOf(grown), { actor: 'z-1' });
        await reopened();
        const digest = digestOf(bytesOf(object));
        await store.write(id('changed', 7), bytesOf(blind('b-1', 1, 'new')));
        const left = bytesOf(object);
        const names = [
          { key: 'gone', digest },
          { key: 'changed', digest },
          { key: 'shorter', digest: digestOf(bytesOf(grown)), left },
          { key: 'fresh', digest: digestOf(bytesOf(grown)), left },
          { key: 'never', digest },
        ];
        expect(
          await store.collect(
            7,
            names.map((name) => ({ bucket: 'b', ...name })),
          ),
        ).toBe(3);
        await reopened();
        expect(store.fold({ partition: 7 }, all).items.map((item) => item.id.key)).toEqual([
          'changed',
          'fresh',
          'shorter',
        ]);
        expect(textsOf(store.read(id('changed', 7))!.object)).toEqual(['kept', 'new']);
        expect([store.read(id('shorter', 7)), store.read(id('fresh', 7))]).toMatchObject([
          { digest, actor: 'a-1' },
          { digest, actor: undefined },
        ]);
        expect(store.stats().records).toBe(3);
        expect(store.root(7)).toBe(rootByFold(store, 7));
        expect(new Map(store.leaves(7))).toEqual(leavesByFold(store, 7));
      });

      it('keeps small values of other parts', async () => {
        await store.putMeta('ring/1', Uint8Array.of(1));
        await store.putMeta('ring/2', Uint8Array.of(2));
        await store.putMeta('run', Uint8Array.of(3));
        await store.putMeta('ring/1', undefined);
        await reopened();
        expect([...store.getMeta('run')!]).toEqual([3]);
        expect(store.getMeta('ring/1')).toBeUndefined();
        expect([...store.listMeta('ring/')].map(([key, value]) => [key, ...value])).toEqual([['ring/2', 2]]);
        expect(store.listMeta('').size).toBe(2);
      });

      it('has an id that stays', async () => {
        const { storeId } = store;
        expect(storeId).toMatch(/^[0-9a-f]{32}$/);
        if (site.reopen !== undefined) expect((await reopened()).storeId).toBe(storeId);
      });
    });

    describe('a store in the place of a lost one', () => {
      it('is filled partition by partition, and remembers how far it has come', async () => {
        const filled = () => [0, 1, 7, 8, 65_535].filter((partition) => store.isFilled(partition));
        expect([store.mayTakePlace(), filled().length]).toEqual([true, 5]);
        await store.noteFilled([3]);
        expect(filled()).toHaveLength(5);
        await store.beginRefill();
        await reopened();
        expect(filled()).toEqual([]);
        await store.write(id('k'), bytesOf(blind('a-1', 1, 'one')));
        await Promise.all([store.noteFilled([8]), store.noteFilled([1, 65_535])]);
        await store.noteFilled([0]);
        expect(filled()).toEqual([0, 1, 8, 65_535]);
        await reopened();
        expect(filled()).toEqual([0, 1, 8, 65_535]);
        // What it has begun it may go on with, and begin again: that takes nothing back.
        expect(store.mayTakePlace()).toBe(true);
        await store.beginRefill();
        expect(filled()).toEqual([0, 1, 8, 65_535]);
      });

      it('was empty', async () => {
        await store.writeHint(id('k'), bytesOf(blind('a-1', 1, 'one')), ['n2']);
        expect(store.mayTakePlace()).toBe(false);
        expect(await rejection(store.beginRefill())).toMatchObject({ code: 'STORE_NOT_EMPTY' });
        expect(store.isFilled(0)).toBe(true);
      });
    });

    describe('its end', () => {
      it('answers what waits, then refuses', async () => {
        const waiting = store.write(id('k'), bytesOf(blind('a-1', 1, 'one')));
        await store.close();
        expect((await waiting).durable).toBe(true);
        expect((await rejection(store.write(id('k'), bytesOf(blind('a-1', 2, 'two'))))).code).toBe('STORE_CLOSED');
        expect(() => store.read(id('k'))).toThrow(expect.objectContaining({ code: 'STORE_CLOSED' }));
        await store.close();
      });

      it('refuses more writes than may wait', async () => {
        await openWith({ maxQueuedWrites: 2 });
        const writes = await Promise.allSettled(
          [1, 2, 3].map((n) => store.write(id(`k${n}`), bytesOf(blind('a-1', n, 'x')))),
        );
        expect(writes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
        expect(writes[2]).toMatchObject({ reason: { code: 'STORE_OVERLOADED' } });
      });
    });
  });
}

let runs = 0;
