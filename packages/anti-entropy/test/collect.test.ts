import { seededRandom } from '@ringfort/testkit';
import { decodeObject, encodeObject, mergeObjects, updateObject, type VersionedObject } from '@ringfort/versioning';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shortened, takenOf } from '../src/collect-core.ts';
import { antiEntropyAddress, type Collector, collectDrop, createCollector } from '../src/index.ts';
import { ringOf, TestNodes } from './support/nodes.ts';
import { blind, bytesOf } from './support/sides.ts';

const INTERVAL_MS = 10_000;
const COURTESY_MS = 1_000;
const id = { partition: 3, bucket: 'b', key: 'k' };

let cluster: TestNodes;
let collectors: Map<string, Collector>;
let faults: string[];

beforeEach(() => {
  cluster = new TestNodes({ nodes: 4 });
  faults = [];
  collectors = new Map(cluster.nodes.map((node, index) => [node.id, begin(node, index)]));
});
afterEach(async () => {
  for (const collector of collectors.values()) collector.close();
  await cluster.close();
});

function begin({ bus, store, membership }: TestNodes['nodes'][number], seed: number): Collector {
  return createCollector({
    ...{ bus, store, membership, clock: cluster.clock, random: seededRandom(seed) },
    limits: { intervalMs: INTERVAL_MS, courtesyMs: COURTESY_MS, minAgeMs: 0 },
    onFault: (fault) => faults.push((fault as { code?: string }).code ?? fault.message),
  });
}

const primaries = () =>
  cluster.ring
    .preferenceList(id.partition)
    .slice(0, 3)
    .map((node) => cluster.node(node));
const others = () =>
  cluster.ring
    .preferenceList(id.partition)
    .slice(3)
    .map((node) => cluster.node(node));
const pass = () => cluster.clock.advanceAsync(2 * INTERVAL_MS + 2 * COURTESY_MS);
const writeAll = async (object: VersionedObject, key = id.key) => {
  for (const { store } of primaries())
    await store.write({ ...id, key }, bytesOf(object), { barrier: store.label(id.partition) });
};
const held = (key = id.key) => primaries().map(({ store }) => store.read({ ...id, key })?.object);
const collected = () => [...collectors.values()].reduce((sum, one) => sum + one.stats().collected, 0);

const value = blind('a-1', 1, 'milk');
const deletion = (of: VersionedObject) =>
  updateObject(of, of.clock, { actor: 'b-1', counter: 1 }, { value: undefined, contentType: '' });

describe('a collection', () => {
  it('takes a tombstone from all primaries, and nothing that is live', async () => {
    await writeAll(deletion(value));
    await writeAll(value, 'live');
    await pass();
    expect(held()).toEqual([undefined, undefined, undefined]);
    expect(held('live').every((object) => object !== undefined)).toBe(true);
    expect([collected(), faults]).toEqual([1, []]);
    expect([...collectors.values()].map((one) => one.stats().tombstones)).toEqual([0, 0, 0, 0]);
  });

  it('is followed by refusals: of late writes, hints and exchanges, by every member', async () => {
    const late = { barrier: primaries()[0]!.store.label(id.partition), timeoutMs: 1_000 };
    await writeAll(deletion(value));
    await pass();
    for (const { store } of cluster.nodes) {
      expect(store.barrier(id.partition)).toBeGreaterThan(late.barrier);
      const refused = { code: 'BARRIER_BEHIND' };
      await expect(store.write(id, bytesOf(value), late)).rejects.toMatchObject(refused);
      await expect(store.writeHint(id, bytesOf(value), ['n1'], late)).rejects.toMatchObject(refused);
    }
  });

  it('waits for a member that is down, whoever it is', async () => {
    await writeAll(deletion(value));
    const away = others()[0]!.id;
    for (const { membership } of cluster.nodes) membership.down.add(away);
    await pass();
    expect(held().every((object) => object !== undefined)).toBe(true);
    expect(new Set(faults)).toEqual(new Set(['MEMBER_DOWN']));
    for (const { membership } of cluster.nodes) membership.down.delete(away);
    await pass();
    expect(held()).toEqual([undefined, undefined, undefined]);
  });

  it('leaves a write that the delete had not seen, and a tombstone that one primary lacks', async () => {
    const concurrent = mergeObjects(deletion(value), blind('c-1', 1, 'bread'));
    await writeAll(deletion(value), 'raced');
    await cluster.clock.advanceAsync(INTERVAL_MS);
    await primaries()[1]!.store.write({ ...id, key: 'raced' }, bytesOf(concurrent));
    await primaries()[0]!.store.write(id, bytesOf(deletion(value)));
    for (const { antiEntropy } of cluster.nodes) antiEntropy.close();
    await pass();
    expect(held('raced')[1]!.siblings.map((one) => Buffer.from(one.value ?? '').toString())).toContain('bread');
    expect(held()[0]).toBeDefined();
  });

  it('waits while a stand-in keeps something of the partition, and while copies lie where they do not belong', async () => {
    const keeper = others()[0]!.store;
    const { digest } = await keeper.writeHint(id, bytesOf(value), [primaries()[0]!.id], { barrier: 0 });
    await writeAll(deletion(value));
    await pass();
    expect(new Set(faults)).toEqual(new Set(['STAND_INS_OWED']));
    await keeper.hintDelivered(id, primaries()[0]!.id, digest);
    await keeper.write(id, bytesOf(value));
    faults.length = 0;
    await pass();
    expect(new Set(faults)).toEqual(new Set(['COPIES_HELD']));
    expect(held().every((object) => object !== undefined)).toBe(true);
  });

  it('waits for members that know another history', async () => {
    await writeAll(deletion(value));
    others()[0]!.membership.ring = ringOf(['n1', 'n2', 'n3', 'n4'], { more: 2 });
    await pass();
    expect(new Set(faults)).toEqual(new Set(['COLLECTION_UNSETTLED']));
    expect(held().every((object) => object !== undefined)).toBe(true);
  });

  it('drops nothing for a collection that was not raised here, or that a later one has overtaken', async () => {
    const [first] = primaries();
    await writeAll(deletion(value));
    const { digest } = first!.store.read(id)!;
    const records = [{ bucket: id.bucket, key: id.key, digest, takes: 'record' as const }];
    for (const barrier of [0, 1]) {
      const request = { partition: id.partition, barrier, records };
      const asked = others()[0]!.bus.request(antiEntropyAddress(first!.id), collectDrop, request, { timeoutMs: 1_000 });
      const refused = expect(asked).rejects.toMatchObject({ code: 'BARRIER_NOT_ADOPTED' });
      await cluster.clock.advanceAsync(100);
      await refused;
    }
    expect(held().every((object) => object !== undefined)).toBe(true);
  });

  it('takes what has expired', async () => {
    const expiresAtMs = cluster.clock.now() + 3 * INTERVAL_MS;
    const fleeting = { value: Buffer.from('x'), contentType: 'x', expiresAtMs };
    await writeAll(updateObject(undefined, undefined, { actor: 'a-1', counter: 1 }, fleeting));
    await pass();
    expect(held()[0]).toBeDefined();
    await pass();
    await pass();
    expect(held()).toEqual([undefined, undefined, undefined]);
  });

  it('keeps the clock of a key small that was rewritten through 1,000 restarts', { timeout: 60_000 }, async () => {
    let largest = 0;
    for (let run = 1; run <= 1_000; run++) {
      const now = held()[0];
      const next = { value: Buffer.from(`run ${run}`), contentType: 'x' };
      await writeAll(updateObject(now, now?.clock, { actor: `run-${run}`, counter: 1 }, next));
      if (run % 50 === 0) await pass();
      largest = Math.max(largest, held()[0]!.clock.vector.size);
    }
    expect(largest).toBeLessThan(120);
    for (const object of held()) {
      expect(object!.clock.vector.size).toBe(1);
      expect(object!.siblings.map((one) => Buffer.from(one.value!).toString())).toEqual(['run 1000']);
    }
  });
});

describe('what can be collected', () => {
  const grown = Array.from({ length: 20 }, (_, run) => run).reduce<VersionedObject>(
    (object, run) =>
      updateObject(
        object,
        object.clock,
        { actor: `run-${run}`, counter: 1 },
        { value: Buffer.from(`${run}`), contentType: '' },
      ),
    value,
  );

  it('is all of a record that shows nothing, or a clock that is longer than its siblings need', () => {
    expect([takenOf(value, 0), takenOf(deletion(value), 0), takenOf(grown, 0)]).toEqual([undefined, 'record', 'clock']);
    expect(takenOf(mergeObjects(deletion(value), blind('c-1', 1, 'bread')), 0)).toBeUndefined();
  });

  it('leaves an object that merges with the longer one to that', () => {
    const short = decodeObject(encodeObject(shortened(grown)));
    expect(short.siblings).toEqual(decodeObject(encodeObject(grown)).siblings);
    expect(short.clock.vector.size).toBe(1);
    expect(encodeObject(mergeObjects(short, grown))).toEqual(encodeObject(grown));
  });
});
