import { memoryBus, memoryNetwork, systemClock, systemRandom } from '@ringfort/bus';
import { decodeObject } from '@ringfort/versioning';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type CopiedRecord,
  CopyReader,
  copiedRecord,
  copyClose,
  copyOpen,
  copyRead,
  memoryStore,
  openLmdbStore,
  type StoreCopy,
  serveCopies,
} from '../src/index.ts';
import type { StoreEngine } from '../src/store-engine.ts';
import { makeDirectory, removeDirectory } from './support/directory-site.ts';
import { blind, bytesOf, textsOf } from './support/objects.ts';

const directories: string[] = [];
const stores: StoreEngine[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  for (const directory of directories.splice(0)) removeDirectory(directory);
});

async function opened(kind: string): Promise<StoreEngine> {
  const directory = makeDirectory();
  directories.push(directory);
  // Small, so that checkpoints come and go while the copy is read.
  const store =
    kind === 'memory'
      ? memoryStore()
      : await openLmdbStore({ directory, checkpointBytes: kind === 'lmdb, busy' ? 64 * 1024 : 64 * 1024 * 1024 });
  stores.push(store);
  return store;
}

const id = (n: number) => ({ partition: n % 5, bucket: n % 3 === 0 ? 'odd\x00\x01' : 'b', key: `key ${n}` });
const written = (n: number, round: number) => bytesOf(blind(`a-${round}`, n + 1, `${round}: ${'v'.repeat(n % 400)}`));

function all(copy: StoreCopy, piece = 5_000): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let bytes = copy.next(piece); bytes !== undefined; bytes = copy.next(piece)) pieces.push(bytes);
  copy.close();
  return Buffer.concat(pieces);
}

function read(bytes: Uint8Array, piece: number): Map<string, CopiedRecord> {
  const reader = new CopyReader();
  const found = new Map<string, CopiedRecord>();
  for (let at = 0; at < bytes.length; at += piece)
    for (const row of reader.take(bytes.subarray(at, at + piece))) {
      const record = copiedRecord(row);
      if (record === undefined) continue;
      const name = `${record.kind} ${JSON.stringify(record.id)}`;
      expect(found.has(name)).toBe(false);
      found.set(name, { ...record, object: record.object && Uint8Array.from(record.object) });
    }
  reader.end();
  return found;
}

const textOf = ({ object }: CopiedRecord) => textsOf(decodeObject(object!)).join();

describe.each(['memory', 'lmdb', 'lmdb, busy'])('a copy (%s)', (kind) => {
  it('holds all that was acknowledged before, nothing that came after it was begun, and can be cut anywhere', async () => {
    const store = await opened(kind);
    const many = Array.from({ length: 400 }, (_, n) => n);
    await Promise.all(many.map((n) => store.write(id(n), written(n, 1))));
    await Promise.all(many.slice(0, 30).map((n) => store.writeHint(id(n), written(n, 2), ['n2', 'n3'])));
    const before = many.map((n) => store.read(id(n))!.digest);
    // Writes go on before, while and after it is begun.
    const during = Promise.all(many.map((n) => store.write({ ...id(n), key: `other ${n}` }, written(n, 3))));
    const copy = await store.copy();
    const first = copy.next(1)!;
    const later = many.map((n) => store.write(id(n), written(n, 4)));
    await Promise.all([...later, during]);
    const bytes = Buffer.concat([first, all(copy)]);
    const found = read(bytes, 777);
    for (const n of many) {
      const record = found.get(`record ${JSON.stringify(id(n))}`)!;
      expect(textOf(record), `key ${n}`).toBe(`1: ${'v'.repeat(n % 400)}`);
      const hint = found.get(`hint ${JSON.stringify(id(n))}`);
      if (n < 30) expect(textOf(hint!)).toBe(`2: ${'v'.repeat(n % 400)}`);
      else expect(hint).toBeUndefined();
    }
    expect(before).toHaveLength(many.length);
    expect(read(bytes, 1 << 20)).toEqual(found);
    for (const length of [0, 3, 40, bytes.length / 2, bytes.length - 1])
      expect(() => read(bytes.subarray(0, length), 1000)).toThrow(expect.objectContaining({ code: 'CORRUPT_COPY' }));
    expect(() => read(Buffer.concat([bytes, Buffer.alloc(1)]), 1 << 20)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_COPY' }),
    );
  });

  it('tells of a record that rotted in it, and of nothing else', async () => {
    const store = await opened(kind);
    await Promise.all([1, 2, 3].map((n) => store.write(id(n), written(100 + n, n))));
    const bytes = Buffer.from(all(await store.copy()));
    bytes[bytes.indexOf('2: vvv') + 5]! ^= 1;
    const found = read(bytes, 100);
    expect([...found.values()].filter(({ object }) => object === undefined).map((one) => one.id)).toEqual([id(2)]);
  });

  it('one that is still open holds up no close of the store', async () => {
    const store = await opened(kind);
    await store.write(id(1), written(1, 1));
    const copy = await store.copy();
    copy.next(1);
    await store.close();
    expect(copy.next(1)).toBeUndefined();
    await expect(store.copy()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });
});

it('is served piece by piece, two at a time, and closed when nobody reads it', async () => {
  const store = await opened('lmdb');
  await Promise.all(Array.from({ length: 400 }, (_, n) => store.write(id(n), written(n, 1))));
  const timers = new Map<object, () => void>();
  const clock = {
    ...systemClock,
    setTimeout: (fn: () => void) => {
      const timer = {};
      timers.set(timer, fn);
      return timer;
    },
    clearTimeout: (timer: unknown) => void timers.delete(timer as object),
  };
  const network = memoryNetwork();
  const bus = memoryBus({ network, cluster: 'c', self: 'node.n1' });
  const peer = memoryBus({ network, cluster: 'c', self: 'node.n2' });
  const served = serveCopies({ bus, nodeId: 'n1', store, clock, random: systemRandom });
  const to = 'node.n1.storage';
  const within = { timeoutMs: 5000 };
  const open = () => peer.request(to, copyOpen, {}, within);
  const [first, second] = [await open(), await open()];
  await expect(open()).rejects.toMatchObject({ code: 'TOO_MANY_COPIES' });
  const piece = (id: string, number: number) => peer.request(to, copyRead, { id, piece: number }, within);
  const pieces: Uint8Array[] = [];
  for (let number = 0; ; number++) {
    const { bytes } = await piece(first.id, number);
    if (bytes === undefined) break;
    pieces.push(Uint8Array.from(bytes));
  }
  expect(read(Buffer.concat(pieces), 4096).size).toBe(400);
  await expect(piece(first.id, 0)).rejects.toMatchObject({ code: 'COPY_LOST' });
  await piece(second.id, 0);
  await expect(piece(second.id, 0)).rejects.toMatchObject({ code: 'COPY_LOST' });
  for (const [timer, fire] of timers) {
    timers.delete(timer);
    fire();
  }
  await expect(piece(second.id, 1)).rejects.toMatchObject({ code: 'COPY_LOST' });
  const third = await open();
  await peer.request(to, copyClose, { id: third.id }, within);
  await expect(piece(third.id, 0)).rejects.toMatchObject({ code: 'COPY_LOST' });
  served.close();
  expect(timers.size).toBe(0);
  await Promise.all([bus.close(), peer.close()]);
});
