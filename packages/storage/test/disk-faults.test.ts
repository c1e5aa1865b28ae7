import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Key, open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLmdbStore } from '../src/index.ts';
import { bytesOfKey, hintKey, ownKey, primaryKey } from '../src/keys-core.ts';
import { makeDirectory, removeDirectory } from './support/directory-site.ts';
import { blind, bytesOf, textsOf } from './support/objects.ts';

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
async function tamper(key: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const db = open<Uint8Array, Key>({
    path: join(directory, 'data.mdb'),
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    maxDbs: 1,
  });
  const bytes = bytesOfKey(key);
  await db.put(bytes, change(Buffer.from(db.getBinary(bytes)!)));
  await db.close();
}

const flip = (at: number) => (bytes: Uint8Array) => {
  const changed = Uint8Array.from(bytes);
  changed[at < 0 ? bytes.length + at : at]! ^= 1;
  return changed;
};

describe('a record that is not what was written', () => {
  const wanted = { code: 'CORRUPT_RECORD', details: { bucket: 'b', key: 'k', partition: 1 } };

  it.each([
    ['its value', flip(-1)],
    ['its checksum', flip(5)],
    ['its actor', flip(11)],
    ['its format', flip(0)],
    ['its length', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 3)],
    ['all of it', () => new Uint8Array(2)],
  ])('is told from one that is not there, on every read and write: %s', async (_, change) => {
    const store = await openLmdbStore({ directory });
    await store.write(id('k'), bytesOf(blind('a-1', 1, 'one')), { actor: 'a-1' });
    await store.write(id('other'), bytesOf(blind('a-1', 1, 'other')));
    await store.close();
    await tamper(primaryKey(id('k')), change);
    const again = await openLmdbStore({ directory });
    expect(() => again.read(id('k'))).toThrow(expect.objectContaining(wanted));
    expect(() => again.fold({ partition: 1 }, { maxItems: 9, maxBytes: 9999 })).toThrow(
      expect.objectContaining(wanted),
    );
    const writes = [
      again.write(id('k'), bytesOf(blind('b-1', 1, 'two'))),
      again.write(id('other'), bytesOf(blind('b-1', 1, 'too'))),
    ];
    expect(await rejection(writes[0]!)).toMatchObject(wanted);
    await writes[1];
    expect(textsOf(again.read(id('other'))!.object)).toEqual(['other', 'too']);
    await again.close();
  });

  it('is told of stand-in records too', async () => {
    const store = await openLmdbStore({ directory });
    await store.writeHint(id('k'), bytesOf(blind('a-1', 1, 'one')), ['n2']);
    await store.close();
    await tamper(hintKey(id('k')), flip(-1));
    const again = await openLmdbStore({ directory });
    expect(() => again.readHint(id('k'))).toThrow(expect.objectContaining(wanted));
    expect(() => again.hints('n2', undefined, { maxItems: 9, maxBytes: 9999 })).toThrow(
      expect.objectContaining(wanted),
    );
    await again.close();
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
