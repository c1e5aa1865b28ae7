import { virtualClock } from '@ringfort/testkit';
import { expect, it } from 'vitest';
import { memoryStore } from '../src/index.ts';
import { storeCompliance } from './support/compliance.ts';
import { blind, bytesOf } from './support/objects.ts';

storeCompliance('memoryStore', () => ({
  open: (options) => Promise.resolve(memoryStore(options)),
  reopen: undefined,
  remove: () => Promise.resolve(),
}));

const id = { partition: 1, bucket: 'b', key: 'k' };
const bytes = bytesOf(blind('a-1', 1, 'one'));

it('simulates how long a sync takes, on the given clock', async () => {
  const clock = virtualClock();
  const store = memoryStore({ clock, syncDelayMs: 5 });
  let answered: boolean | undefined;
  const write = store.write(id, bytes).then(({ durable }) => {
    answered = durable;
  });
  await clock.advanceAsync(4);
  expect(answered).toBeUndefined();
  expect(store.read(id)).toBeDefined();
  await clock.advanceAsync(1);
  await write;
  expect(answered).toBe(true);
});

it('in interval mode answers at commit, syncs within the interval, and waits when asked to', async () => {
  const clock = virtualClock();
  const store = memoryStore({ clock, syncDelayMs: 1, durability: 'interval', syncIntervalMs: 100 });
  expect((await store.write(id, bytes)).durable).toBe(false);
  expect((await store.write(id, bytes)).durable).toBe(false);
  await clock.advanceAsync(101);
  expect((await store.write(id, bytes)).durable).toBe(true);
  const waiting = store.write({ ...id, key: 'k2' }, bytes, { sync: true });
  await clock.advanceAsync(1);
  expect((await waiting).durable).toBe(true);
  expect(clock.pending).toBe(0);
});

it('in fsync mode need not wait when told so', async () => {
  const clock = virtualClock();
  const store = memoryStore({ clock, syncDelayMs: 1 });
  expect((await store.write(id, bytes, { sync: false })).durable).toBe(false);
});

it('passes on what the simulated disk throws, and has then changed nothing', async () => {
  const full = Object.assign(new Error('full'), { code: 'STORE_FULL' });
  let broken = true;
  const store = memoryStore({
    disk: {
      append() {
        if (broken) throw full;
      },
    },
  });
  const refused = await Promise.allSettled([store.write(id, bytes), store.writeHint(id, bytes, ['n2'])]);
  expect(refused.map((one) => one.status === 'rejected' && one.reason)).toEqual([full, full]);
  expect([store.read(id), store.readHint(id), store.leaves(1).size]).toEqual([undefined, undefined, 0]);
  expect([store.hintStats(), store.stats().records]).toEqual([[], 0]);
  broken = false;
  await store.write(id, bytes);
  expect(store.leaves(1).size).toBe(1);
});
