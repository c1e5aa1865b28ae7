import { type Bus, type Clock, memoryBus, memoryNetwork, systemClock } from '@ringfort/bus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type DiskHook,
  digestOf,
  memoryStore,
  replicaKeys,
  replicaRead,
  replicaVerify,
  replicaWrite,
  type ServedStorage,
  type StorageMode,
  StoreFullError,
  StoreSyncFailedError,
  serveStorage,
} from '../src/index.ts';
import type { StoreEngine } from '../src/store-engine.ts';
import { after, blind, bytesOf, textsOf } from './support/objects.ts';

let node: Bus;
let peer: Bus;
let store: StoreEngine;
let served: ServedStorage;
let disk: DiskHook;
let member: boolean;
let nowMs: number;
let timers: (() => void)[];

beforeEach(() => {
  const network = memoryNetwork();
  node = memoryBus({ network, cluster: 'test', self: 'node.n1' });
  peer = memoryBus({ network, cluster: 'test', self: 'node.n2' });
  disk = {};
  nowMs = 1000;
  timers = [];
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    setTimeout: (fn) => {
      timers.push(fn);
      return fn;
    },
    clearTimeout: (timer) => {
      timers = timers.filter((one) => one !== timer);
    },
  };
  store = memoryStore({ clock, disk: { append: (frame) => disk.append?.(frame), sync: () => disk.sync?.() } });
  member = true;
  served = serveStorage({ bus: node, nodeId: 'n1', store, clock, isServing: () => member });
});
afterEach(async () => {
  await served.close();
  await peer.close();
  await node.close();
});

const to = 'node.n1.storage';
const within = { timeoutMs: 5000 };
const id = { partition: 1, bucket: 'b', key: 'k' };
const one = blind('a-1', 1, 'one');
const code = (wanted: string) => expect.objectContaining({ code: wanted });

describe('a node that is no member', () => {
  it('answers nothing, not even that it holds nothing', async () => {
    member = false;
    await expect(peer.request(to, replicaRead, id, within)).rejects.toMatchObject(code('NOT_SERVING'));
    await expect(peer.request(to, replicaWrite, { ...id, object: bytesOf(one) }, within)).rejects.toMatchObject(
      code('NOT_SERVING'),
    );
    const keys = { partition: 1, bucket: 'b', limit: 10 };
    await expect(peer.request(to, replicaKeys, keys, within)).rejects.toMatchObject(code('NOT_SERVING'));
    member = true;
    expect(await peer.request(to, replicaRead, id, within)).toEqual({});
  });
});

describe('a store that is being filled', () => {
  it('takes writes, and does not answer that it has not what others may have', async () => {
    await store.beginRefill();
    const keys = { partition: 1, bucket: 'b', limit: 10 };
    await peer.request(to, replicaWrite, { ...id, object: bytesOf(one) }, within);
    for (const key of ['k', 'other'])
      await expect(peer.request(to, replicaRead, { ...id, key }, within)).rejects.toMatchObject(code('REFILLING'));
    await expect(peer.request(to, replicaKeys, keys, within)).rejects.toMatchObject(code('REFILLING'));
    // It gets what it lacks as a whole: nobody need repair it.
    const items = [{ ...id, digest: '0'.repeat(16) }];
    expect(await peer.request(to, replicaVerify, { items }, within)).toEqual({ stale: [] });
    expect(await peer.request(to, replicaRead, { ...id, standIn: true }, within)).toEqual({});
    await store.noteFilled([1]);
    expect((await peer.request(to, replicaRead, id, within)).object).toBeDefined();
    expect(await peer.request(to, replicaRead, { ...id, key: 'other' }, within)).toEqual({});
  });
});

describe('a served store', () => {
  it('reads, but sends no object that the asker has', async () => {
    expect(await peer.request(to, replicaRead, id, within)).toEqual({});
    const { digest } = await store.write(id, bytesOf(one));
    const reply = await peer.request(to, replicaRead, id, within);
    expect(reply.digest).toBe(digest);
    expect(Buffer.from(reply.object!).equals(bytesOf(one))).toBe(true);
    expect(await peer.request(to, replicaRead, { ...id, have: digest }, within)).toEqual({ digest });
    expect((await peer.request(to, replicaRead, { ...id, have: '0'.repeat(16) }, within)).object).toBeDefined();
  });

  it('tells which of many records are others than elsewhere', async () => {
    const { digest } = await store.write(id, bytesOf(one));
    const items = [
      { ...id, digest },
      { ...id, digest: '0'.repeat(16) },
      id,
      { ...id, key: 'absent' },
      { ...id, key: 'absent', digest },
    ];
    expect(await peer.request(to, replicaVerify, { items }, within)).toEqual({ stale: [1, 2, 4] });
  });

  it('writes, and tells what is stored when that is something else', async () => {
    const reply = await peer.request(to, replicaWrite, { ...id, object: bytesOf(one) }, within);
    expect(reply).toEqual({ durable: true });
    const two = blind('b-1', 1, 'two');
    const merged = await peer.request(to, replicaWrite, { ...id, object: bytesOf(two) }, within);
    expect(digestOf(merged.merged!)).toBe(merged.digest);
    expect(textsOf(store.read(id)!.object)).toEqual(['one', 'two']);
  });

  it('keeps stand-in records apart', async () => {
    await peer.request(to, replicaWrite, { ...id, object: bytesOf(one), owedTo: ['n3'] }, within);
    expect(await peer.request(to, replicaRead, id, within)).toEqual({});
    expect((await peer.request(to, replicaRead, { ...id, standIn: true }, within)).digest).toBe(digestOf(bytesOf(one)));
    expect(store.hintStats().map(({ target }) => target)).toEqual(['n3']);
  });

  it('lists keys in pages, and says which are live', async () => {
    const write = (key: string, object = one) => store.write({ ...id, key }, bytesOf(object));
    await write('a');
    await write('b', after(one, 'a-1', 2, undefined));
    await write('c', blind('a-1', 1, 'soon gone', 1500));
    await write('d');
    await store.write({ ...id, bucket: 'c' }, bytesOf(one));
    const list = (after: string | undefined, limit: number) =>
      peer.request(
        to,
        replicaKeys,
        { partition: 1, bucket: 'b', limit, ...(after !== undefined && { after }) },
        within,
      );
    expect(await list(undefined, 3)).toEqual({
      keys: [
        { key: 'a', live: true },
        { key: 'b', live: false },
        { key: 'c', live: true },
      ],
      more: true,
    });
    nowMs = 2000;
    expect(await list('b', 3)).toEqual({
      keys: [
        { key: 'c', live: false },
        { key: 'd', live: true },
      ],
      more: false,
    });
    expect(await list('d', 3)).toEqual({ keys: [], more: false });
  });

  it('refuses what was sent from before the barrier, and tells readers where theirs differs', async () => {
    await store.raiseBarrier(1, 2);
    const late = { ...within, barrier: 1 };
    expect(await peer.request(to, replicaRead, id, late)).toEqual({ barrier: 2 });
    expect(await peer.request(to, replicaRead, id, { ...within, barrier: 2 })).toEqual({});
    await expect(peer.request(to, replicaWrite, { ...id, object: bytesOf(one) }, late)).rejects.toEqual(
      code('BARRIER_BEHIND'),
    );
    await peer.request(to, replicaWrite, { ...id, object: bytesOf(one) }, { ...within, barrier: 2 });
    expect(served.mode).toBe('serving');
  });

  it('answers bytes that are no object with an error, and goes on', async () => {
    await expect(peer.request(to, replicaWrite, { ...id, object: Uint8Array.of(1, 2) }, within)).rejects.toThrow();
    await peer.request(to, replicaWrite, { ...id, object: bytesOf(one) }, within);
    expect(served.mode).toBe('serving');
  });
});

describe('its mode', () => {
  const modes = () => {
    const seen: StorageMode[] = [];
    served.onMode((mode) => seen.push(mode));
    return seen;
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('is read-only while the disk is full, and serving again once a probe passes', async () => {
    const seen = modes();
    await store.write(id, bytesOf(one));
    disk.append = () => {
      throw new StoreFullError('/data');
    };
    const write = () => peer.request(to, replicaWrite, { ...id, key: 'k2', object: bytesOf(one) }, within);
    await expect(write()).rejects.toEqual(code('STORE_FULL'));
    await expect(write()).rejects.toEqual(code('STORE_READ_ONLY'));
    expect((await peer.request(to, replicaRead, id, within)).digest).toBeDefined();
    timers.shift()!();
    await settled();
    expect(served.mode).toBe('readOnly');
    disk = {};
    timers.shift()!();
    await settled();
    expect(seen).toEqual(['readOnly', 'serving']);
    await write();
  });

  it('stays read-only after a disk that failed to sync', async () => {
    disk.sync = () => Promise.reject(new StoreSyncFailedError('/data'));
    await expect(peer.request(to, replicaWrite, { ...id, object: bytesOf(one) }, within)).rejects.toEqual(
      code('STORE_SYNC_FAILED'),
    );
    expect(served.mode).toBe('readOnly');
    expect(timers).toEqual([]);
    disk = {};
  });

  it('turns to read-only when the coordinator reports its own failure', () => {
    served.report(new StoreFullError('/data'));
    expect(served.mode).toBe('readOnly');
  });

  it('ends with the store', async () => {
    const seen = modes();
    await served.close();
    expect(seen).toEqual(['closing', 'closed']);
    expect(() => store.read(id)).toThrow(code('STORE_CLOSED'));
    await expect(peer.request(to, replicaRead, id, within)).rejects.toEqual(code('NO_RESPONDERS'));
    await served.close();
  });

  it('runs on the system clock by default', async () => {
    const other = memoryStore({ clock: systemClock });
    const onSystem = serveStorage({ bus: node, nodeId: 'n9', store: other });
    expect(onSystem.mode).toBe('serving');
    await onSystem.close();
  });
});
