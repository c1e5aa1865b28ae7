import { CorruptRecordError } from '@ringfort/storage';
import { seededRandom } from '@ringfort/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { antiEntropyAddress, createScrub, type ScrubLimits, scrubStart, scrubStatus } from '../src/index.ts';
import { PARTITIONS, type TestNode, TestNodes } from './support/nodes.ts';
import { blind, bytesOf } from './support/sides.ts';

let cluster: TestNodes;
afterEach(() => cluster.close());

const KEYS = 20;
const idOf = (n: number) => ({ partition: n % PARTITIONS, bucket: 'b', key: `k${n}` });

/** Nobody compares, nobody reads. All three hold every key, the second one more of it; the first has some that cannot be read. */
async function world(limits: Partial<ScrubLimits>, rotten: readonly number[]) {
  cluster = new TestNodes({ nodes: 3, limits: { intervalMs: 0 } });
  const [first, second, third] = cluster.nodes as [TestNode, TestNode, TestNode];
  for (let n = 0; n < KEYS; n++) {
    for (const { store } of [first, second, third]) await store.write(idOf(n), bytesOf(blind('a-1', n + 1, `v${n}`)));
    await third.store.write(idOf(n), bytesOf(blind('b-1', n + 1, `w${n}`)));
  }
  const rot = new Set(rotten.map((n) => idOf(n).key));
  first.disk.read = ({ key }, stored) =>
    rot.has(key) ? stored.map((byte, at) => (at === 20 ? byte ^ 1 : byte)) : stored;
  const { bus, store, membership, faults } = first;
  const scrub = createScrub({
    ...{ bus, store, membership, clock: cluster.clock, random: seededRandom(3), limits },
    onFault: (fault, where) => faults.push(`${where}: ${fault.message}`),
  });
  const written = store.write.bind(store);
  // What is written takes the place of what has rotted.
  store.write = (id, bytes, options) => {
    rot.delete(id.key);
    return written(id, bytes, options);
  };
  return { first, second, third, scrub, rot };
}

const isCorrupt = ({ store }: TestNode, n: number) => {
  try {
    store.read(idOf(n));
    return false;
  } catch (error) {
    return error instanceof CorruptRecordError;
  }
};

describe('a scrub', () => {
  it('finds what nobody reads, and has it made whole by all other owners together', async () => {
    const { first, scrub } = await world({ intervalMs: 60_000 }, [1, 9, 17, 4]);
    await cluster.clock.advanceAsync(59_000);
    expect(scrub.status()).toMatchObject({ state: 'resting', waiting: 0, lost: 0 });
    expect(scrub.stats().passes).toBe(0);
    await cluster.clock.advanceAsync(5_000);
    expect(scrub.status().pass).toMatchObject({ done: PARTITIONS, records: KEYS, corrupt: 4, healed: 4 });
    expect(scrub.stats()).toMatchObject({ passes: 1, corrupt: 4, healed: 4, unhealed: 0 });
    for (const n of [1, 9, 17, 4]) expect(first.store.read(idOf(n))?.object.siblings).toHaveLength(2);
    await cluster.clock.advanceAsync(61_000);
    expect(scrub.stats()).toMatchObject({ passes: 2, corrupt: 4 });
    scrub.close();
  });

  it('waits for owners that are away, and tells what nobody else holds', async () => {
    const { first, second, third, scrub, rot } = await world({ intervalMs: 0, retryMs: 5_000 }, [3]);
    await first.store.write({ ...idOf(0), key: 'alone' }, bytesOf(blind('c-1', 1, 'alone')));
    rot.add('alone');
    cluster.faulty.cut('node.n1', 'node.n3');
    const asked = second.bus.request(antiEntropyAddress('n1'), scrubStart, {}, { timeoutMs: 1_000 });
    await cluster.clock.advanceAsync(20_000);
    expect((await asked).state).toBe('scanning');
    expect(isCorrupt(first, 3)).toBe(true);
    expect(scrub.status()).toMatchObject({ waiting: 2, lost: 0 });
    cluster.faulty.heal();
    await cluster.clock.advanceAsync(20_000);
    expect(isCorrupt(first, 3)).toBe(false);
    const told = third.bus.request(antiEntropyAddress('n1'), scrubStatus, {}, { timeoutMs: 1_000 });
    await cluster.clock.advanceAsync(1_000);
    expect(await told).toMatchObject({ node: 'n1', state: 'resting', waiting: 0, lost: 1 });
    scrub.close();
  });

  it('reads no faster than it may', async () => {
    const { scrub } = await world({ intervalMs: 0, bytesPerSecond: 30 }, []);
    scrub.start();
    await cluster.clock.advanceAsync(5_000);
    const { state, pass } = scrub.status();
    expect(state).toBe('scanning');
    expect(pass!.records).toBeGreaterThan(0);
    expect(pass!.records).toBeLessThan(KEYS);
    await cluster.clock.advanceAsync(60_000);
    expect(scrub.status()).toMatchObject({ state: 'resting', pass: { records: KEYS, corrupt: 0 } });
    scrub.close();
  });
});
