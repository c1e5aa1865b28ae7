import type { RecordId, Store } from '@ringfort/storage';
import { encodeObject, makeContext } from '@ringfort/versioning';
import { describe, expect, it } from 'vitest';
import { NodeClock } from '../../sim/node-clock.ts';
import { SimDisk } from '../../sim/sim-disk.ts';
import { seededRandom, virtualClock } from '../../src/index.ts';

const id: RecordId = { partition: 0, bucket: 'sim', key: 'k' };
const value = (counter: number) => Buffer.from(`v${counter}`);
const object = (counter: number) =>
  encodeObject({
    siblings: [{ dot: { actor: 'a', counter }, value: value(counter), contentType: '' }],
    clock: makeContext([['a', counter]]),
  });

function machine(seed: number) {
  const clock = virtualClock();
  const random = seededRandom(seed);
  const disk = new SimDisk('store');
  /** What the work comes to when time passes. */
  const passing = async <T>(work: Promise<T>): Promise<T> => {
    const caught = work.catch((error: unknown) => error);
    await clock.advanceAsync(2_000);
    const result = await caught;
    if (result instanceof Error) throw result;
    return result as T;
  };
  const open = () =>
    passing(disk.open({ clock, random: random.fork(), durability: 'fsync', maxHintBytesPerTarget: 1_000 }));
  const write = (store: Store, counter: number) => passing(store.write(id, object(counter)));
  const held = (store: Store) => Buffer.from(store.read(id)?.object.siblings[0]?.value ?? []).toString();
  return { disk, open, write, held };
}

const seeds = Array.from({ length: 12 }, (_, seed) => seed);

describe('a simulated disk', () => {
  it('holds what was written through restarts and loss of power, whatever checkpoints did meanwhile', async () => {
    for (const seed of seeds) {
      const { disk, open, write, held } = machine(seed);
      for (let round = 1; round <= 3; round += 1) {
        const store = await open();
        for (let counter = 1; counter <= 9; counter += 1) await write(store, round * 10 + counter);
        disk.release();
        disk.losePower();
        expect(held(disk.peek())).toBe(`v${round * 10 + 9}`);
      }
    }
  });

  it('refuses writes while it is full, and takes them afterwards', async () => {
    for (const seed of seeds) {
      const { disk, open, write, held } = machine(seed);
      const store = await open();
      await write(store, 1);
      disk.isFull = true;
      await expect(write(store, 2)).rejects.toMatchObject({ code: 'STORE_FULL' });
      expect(held(store)).toBe('v1');
      disk.isFull = false;
      await write(store, 3);
      expect(held(store)).toBe('v3');
    }
  });

  it('answers a record whose bits flipped with an error, once it is read from the disk', async () => {
    for (const seed of seeds) {
      const { disk, open, write, held } = machine(seed);
      await write(await open(), 1);
      disk.release();
      await open();
      expect(disk.corrupt(id, false)).toBe(true);
      disk.release();
      const store = await open();
      expect(() => store.read(id)).toThrow('is corrupt');
      await write(store, 2);
      expect(held(store)).toBe('v2');
    }
  });

  it('forgets a frame whose bits flipped', async () => {
    const { disk, open, write, held } = machine(1);
    await write(await open(), 1);
    expect(disk.corruptFrame(seededRandom(1))).toBe(true);
    disk.release();
    expect(held(await open())).toBe('');
  });
});

describe('a clock that drifts', () => {
  it('gains on the true time while it does, and stays wrong', async () => {
    const world = virtualClock({ startMs: 1_000 });
    const clock = new NodeClock(world, seededRandom(1), 5);
    clock.drift(0.1);
    await world.advanceAsync(100);
    expect(clock.now()).toBe(1_115);
    clock.drift(0);
    await world.advanceAsync(100);
    expect([clock.now(), clock.wallOffsetMs]).toEqual([1_215, 15]);
  });
});
