import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Key, open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FileJournal } from '../src/file-journal.ts';
import { digestOf, openLmdbStore, StoreFullError } from '../src/index.ts';
import { bytesOfKey, hintKey, ownKey, primaryKey } from '../src/keys-core.ts';
import { makeDirectory, removeDirectory } from './support/directory-site.ts';
import { blind, bytesOf, leavesByFold, textsOf } from './support/objects.ts';

let directory: string;
beforeEach(() => {
  directory = makeDirectory();
});
afterEach(() => {
  removeDirectory(directory);
});

const id = (key: string) => ({ partition: 1, bucket: 'b', key });
const rejection = (work: Promise<unknown>): Promise<{ code?: string; message?: string; details?: unknown }> =>
  work.then(
    () => {
      throw new Error('was expected to be refused');
    },
    (error) => error,
  );

/** Changes one value behind the store's back. */
async function tamper(key: string, change: (bytes: Uint8Array) => Uint8Array | undefined): Promise<void> {
  const db = open<Uint8Array, Key>({
    path: join(directory, 'data.mdb'),
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    maxDbs: 1,
  });
  const bytes = bytesOfKey(key);
  const changed = change(Buffer.from(db.getBinary(bytes)!));
  await (changed === undefined ? db.remove(bytes) : db.put(bytes, changed));
  await db.close();
}

const flip = (at: number) => (bytes: Uint8Array) => {
  const changed = Uint8Array.from(bytes);
  changed[at < 0 ? bytes.length + at : at]! ^= 1;
  return changed;
};

const all = { maxItems: 9, maxBytes: 9999 };
const wrongs: [string, (bytes: Uint8Array) => Uint8Array][] = [
  ['its value', flip(-1)],
  ['its checksum', flip(5)],
  ['its actor', flip(11)],
  ['its format', flip(0)],
  ['its length', (bytes) => bytes.subarray(0, bytes.length - 3)],
  ['all of it', () => new Uint8Array(2)],
];

describe('a record that is not what was written', () => {
  const named = expect.objectContaining({ bucket: 'b', key: 'k', partition: 1 });
  const wanted = { code: 'CORRUPT_RECORD', details: named };
  const other = bytesOf(blind('a-1', 1, 'other'));

  it.each(wrongs)(
    'is told from one that is not there, once, and replaced by what is written: %s',
    async (_, change) => {
      let store = await openLmdbStore({ directory });
      await store.write(id('k'), bytesOf(blind('a-1', 1, 'one')), { actor: 'a-1' });
      for (let n = 0; n < 40; n++) await store.write(id(`other${n}`), other);
      await store.close();
      await tamper(primaryKey(id('k')), change);

      store = await openLmdbStore({ directory });
      const told: unknown[] = [];
      store.onCorrupt((fault) => told.push(fault));
      for (let n = 0; n < 2; n++) expect(() => store.read(id('k'))).toThrow(expect.objectContaining(wanted));
      expect(store.fold({ partition: 1 }, all).items[0]).toEqual({ id: id('k'), record: undefined });
      expect(told).toEqual([expect.objectContaining(wanted)]);
      expect(store.stats()).toMatchObject({ records: 41, corruptRecords: 1 });

      const two = bytesOf(blind('b-1', 1, 'two'));
      const [replaced] = await Promise.all([
        store.write(id('k'), two),
        store.write(id('other1'), bytesOf(blind('b-1', 1, 'too'))),
        store.write(id('new'), other),
      ]);
      expect(replaced).toMatchObject({ digest: digestOf(two), merged: undefined, durable: true });
      const expectWhole = () => {
        expect(textsOf(store.read(id('k'))!.object)).toEqual(['two']);
        expect(store.read(id('k'))!.actor).toBeUndefined();
        expect(textsOf(store.read(id('other1'))!.object)).toEqual(['other', 'too']);
        expect(new Map(store.leaves(1))).toEqual(leavesByFold(store, 1));
        expect(store.stats().records).toBe(42);
      };
      expectWhole();
      await store.close();
      store = await openLmdbStore({ directory });
      expectWhole();
      expect(store.stats().corruptRecords).toBe(0);
      await store.close();
    },
  );

  it('is not replaced by a batch that failed, and its leaf stays as it was', async () => {
    let store = await openLmdbStore({ directory });
    for (const key of ['k', 'l', 'm']) await store.write(id(key), other);
    await store.close();
    await tamper(primaryKey(id('k')), flip(-1));
    store = await openLmdbStore({ directory });
    const before = store.leaves(1);
    const failing = vi.spyOn(FileJournal.prototype, 'append').mockImplementation(() => {
      throw new StoreFullError(directory);
    });
    const two = bytesOf(blind('b-1', 1, 'two'));
    const refused = await Promise.all([store.write(id('k'), two), store.write(id('k'), other)].map(rejection));
    failing.mockRestore();
    expect(refused.map(({ code }) => code)).toEqual(['STORE_FULL', 'STORE_FULL']);
    expect(store.leaves(1)).toEqual(before);
    expect(() => store.read(id('k'))).toThrow(expect.objectContaining(wanted));
    await store.write(id('k'), two);
    expect(new Map(store.leaves(1))).toEqual(leavesByFold(store, 1));
    await store.close();
  });

  const hintWrongs: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ['its value', flip(-1)],
    ['the name of a target', flip(2)],
    ['the number of targets', flip(0)],
    ['when a hint was taken', flip(6)],
  ];
  it.each(hintWrongs)(
    'is given up where it is a stand-in record, for each it was owed to: %s',
    async (what, change) => {
      let store = await openLmdbStore({ directory });
      await store.writeHint(id('k'), bytesOf(blind('a-1', 1, 'one')), ['n2', 'n3']);
      await store.writeHint(id('l'), other, ['n2']);
      const stats = store.hintStats();
      await store.close();
      await tamper(hintKey(id('k')), change);
      store = await openLmdbStore({ directory });
      expect(store.hintStats()).toEqual(stats);
      const isCorrupt = what === 'its value';
      if (isCorrupt) expect(() => store.readHint(id('k'))).toThrow(expect.objectContaining(wanted));
      for (const target of ['n2', 'n3'])
        for (const hint of store.hints(target, undefined, all).items) {
          if (isCorrupt && hint.id.key === 'k') expect(hint.bytes).toBeUndefined();
          await store.hintDelivered(hint.id, target, hint.digest);
        }
      expect(store.hintStats()).toEqual([]);
      expect(store.stats().hintRecords).toBe(0);
      expect(store.readHint(id('k'))).toBeUndefined();
      await store.close();
    },
  );

  it('is given up where a disk that forgot has the index of a stand-in record, and not the record', async () => {
    let store = await openLmdbStore({ directory });
    await store.writeHint(id('k'), bytesOf(blind('a-1', 1, 'one')), ['n2', 'n3']);
    await store.writeHint(id('l'), other, ['n2']);
    await store.close();
    await tamper(hintKey(id('k')), () => undefined);
    store = await openLmdbStore({ directory });
    expect(store.readHint(id('k'))).toBeUndefined();
    const [lost] = store.hints('n2', undefined, all).items;
    expect(lost).toMatchObject({ id: id('k'), bytes: undefined, digest: undefined });
    for (const target of ['n2', 'n3']) await store.hintDelivered(id('k'), target, undefined);
    expect(store.hintStats().map(({ target, count }) => [target, count])).toEqual([['n2', 1]]);
    expect(store.hints('n2', undefined, all).items.map((hint) => hint.id.key)).toEqual(['l']);
    await store.close();
  });

  it('is replaced by the next stand-in record, which is owed to the same targets', async () => {
    let store = await openLmdbStore({ directory });
    await store.writeHint(id('k'), bytesOf(blind('a-1', 1, 'one')), ['n2', 'n3']);
    await store.close();
    await tamper(hintKey(id('k')), flip(-1));
    store = await openLmdbStore({ directory });
    const two = bytesOf(blind('b-1', 1, 'two, which is longer'));
    await store.writeHint(id('k'), two, ['n4']);
    await store.close();
    store = await openLmdbStore({ directory });
    for (const target of ['n2', 'n3', 'n4']) {
      const [hint] = store.hints(target, undefined, all).items;
      expect(hint!.owedTo).toContain(target);
      expect(hint!.digest).toBe(digestOf(two));
      await store.hintDelivered(id('k'), target, hint!.digest);
    }
    expect(store.hintStats()).toEqual([]);
    await store.close();
  });
});

describe('a directory that can not be used', () => {
  it('of another format', async () => {
    await (await openLmdbStore({ directory })).close();
    await tamper(ownKey('format'), () => Uint8Array.of(99));
    const error = await rejection(openLmdbStore({ directory }));
    expect(error).toMatchObject({ code: 'STORE_VERSION_MISMATCH', details: { found: 99, expected: 3 } });
    expect((await rejection(openLmdbStore({ directory }))).code).toBe('STORE_VERSION_MISMATCH');
  });

  it('that is a file, or lies below one', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    for (const wrong of [file, join(file, 'below')]) {
      const error = await rejection(openLmdbStore({ directory: wrong }));
      expect(error.code).toBe('STORE_UNWRITABLE');
      expect(error.message).toContain(wrong);
    }
  });

  it('whose data file is not a database', async () => {
    writeFileSync(join(directory, 'data.mdb'), Buffer.alloc(20_000, 'no database'));
    expect((await rejection(openLmdbStore({ directory }))).code).toBe('STORE_UNWRITABLE');
  });

  it('whose data file was cut off', async () => {
    await (await openLmdbStore({ directory })).close();
    truncateSync(join(directory, 'data.mdb'), 4096);
    expect((await rejection(openLmdbStore({ directory }))).code).toBe('STORE_UNWRITABLE');
  });
});

describe('a store without room', () => {
  it('refuses writes, reads on, loses nothing, and goes on when there is room', async () => {
    const clock = {
      ms: 0,
      now: () => 0,
      monotonicMs: () => clock.ms,
      setTimeout: () => 0,
      clearTimeout: () => undefined,
    };
    const small = { directory, maxBytes: 200_000, checkpointBytes: 20_000, clock };
    let store = await openLmdbStore(small);
    const taken: string[] = [];
    let refused: { code?: string } | undefined;
    for (let n = 0; refused === undefined && n < 1000; n++)
      await store.write(id(`k${n}`), bytesOf(blind('a-1', 1, `${n}`.repeat(400)))).then(
        () => taken.push(`k${n}`),
        (error) => {
          refused = error;
        },
      );
    expect(refused?.code).toBe('STORE_FULL');
    expect(taken.length).toBeGreaterThan(50);
    const expectAll = () => {
      for (const key of taken) expect(store.read(id(key))).toBeDefined();
    };
    expectAll();
    clock.ms += 1000;
    expect((await rejection(store.putMeta('probe', undefined))).code).toBe('STORE_FULL');
    await store.close();

    store = await openLmdbStore(small);
    expectAll();
    expect((await rejection(store.putMeta('probe', undefined))).code).toBe('STORE_FULL');
    await store.close();

    store = await openLmdbStore({ ...small, maxBytes: 10_000_000 });
    expectAll();
    expect(store.stats().records).toBe(taken.length);
    await store.putMeta('probe', undefined);
    await store.write(id('more'), bytesOf(blind('a-1', 1, 'more')));
    await store.close();
  });
});
