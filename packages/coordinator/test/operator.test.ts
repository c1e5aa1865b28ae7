import { type RecordId, replicaInspect } from '@ringfort/storage';
import { seededRandom } from '@ringfort/testkit';
import { contextOf, encodeObject, mergeObjects, updateObject, type VersionedObject } from '@ringfort/versioning';
import { describe, expect, it } from 'vitest';
import { inspect, repair } from '../src/index.ts';
import { type TestCluster, testCluster } from './support/cluster.ts';
import { bytes } from './support/values.ts';

const at = { bucket: 'b', key: 'k' };
const soon = { timeoutMs: 300 };

/** What every node holds, as the test put it there. */
interface Held {
  readonly record: VersionedObject | undefined;
  readonly hint: VersionedObject | undefined;
  readonly isGone: boolean;
  readonly isCorrupt: boolean;
}

/** Five nodes that hold this and that of one key; some cannot be reached, or not be read. */
async function disorder(seed: number): Promise<{ cluster: TestCluster; id: RecordId; held: Map<string, Held> }> {
  const random = seededRandom(seed);
  const cluster = await testCluster({ cacheBytes: 0 });
  const { id, list } = cluster.primariesOf('b', 'k');
  let counter = 0;
  const writes = Array.from({ length: 6 }, () => {
    counter += 1;
    const value = random.below(4) === 0 ? undefined : bytes(`v${counter}`);
    return updateObject(
      undefined,
      undefined,
      { actor: `w-${random.below(2)}`, counter },
      { value, contentType: 'a/b' },
    );
  });
  const some = () => writes.filter(() => random.below(3) === 0).reduce<VersionedObject | undefined>(merged, undefined);
  const held = new Map<string, Held>();
  for (const [place, name] of list.entries()) {
    const node = cluster.node(name);
    const [record, hint] = [some(), random.below(3) === 0 ? some() : undefined];
    if (record !== undefined) await cluster.run(node.store.write(id, encodeObject(record)));
    if (hint !== undefined) await cluster.run(node.store.writeHint(id, encodeObject(hint), [list[(place + 1) % 3]!]));
    // The second asks, so it is there.
    const isGone = place !== 1 && random.below(4) === 0;
    const isCorrupt = record !== undefined && random.below(6) === 0;
    if (isCorrupt) node.corrupt(id);
    held.set(name, { record, hint, isGone, isCorrupt });
  }
  const gone = new Set(list.filter((name) => held.get(name)!.isGone).map((name) => `node.${name}`));
  cluster.network.setLink((from, to) => (gone.has(from) || gone.has(to) ? [] : [0]));
  return { cluster, id, held };
}

const merged = (a: VersionedObject | undefined, b: VersionedObject | undefined) =>
  a === undefined ? b : b === undefined ? a : mergeObjects(a, b);

const hexOf = (object: VersionedObject | undefined) =>
  object === undefined ? undefined : Buffer.from(encodeObject(object)).toString('hex');

const seeds = Array.from({ length: 16 }, (_, i) => i + 1);

describe('in disorder', () => {
  it.each(seeds)(
    'inspect tells what every node that answers holds, and whether the owners agree (%i)',
    async (seed) => {
      const { cluster, id, held } = await disorder(seed);
      const { list } = cluster.primariesOf('b', 'k');
      const { operator } = cluster.node(list[1]!).coordinator;
      const found = await cluster.run(operator.inspect(at, soon));
      expect(found).toMatchObject({ ...id, owners: list.slice(0, 3), preferenceList: list });
      const told = new Map(found.nodes.map((one) => [one.node, one]));
      for (const [name, { record, hint, isGone, isCorrupt }] of held) {
        const one = told.get(name);
        if (isGone) {
          expect(one, name).toMatchObject({ error: 'DEADLINE_EXCEEDED', owner: list.indexOf(name) < 3 });
          continue;
        }
        if (one === undefined) expect(record ?? hint, name).toBeUndefined();
        expect(one?.recordError, name).toBe(isCorrupt ? 'CORRUPT_RECORD' : undefined);
        const dots = (of: VersionedObject | undefined) => of?.siblings.map(({ dot }) => `${dot.actor}:${dot.counter}`);
        expect(
          one?.record?.siblings.map(({ dot }) => dot),
          name,
        ).toEqual(isCorrupt ? undefined : dots(record));
        expect(
          one?.hint?.siblings.map(({ dot }) => dot),
          name,
        ).toEqual(dots(hint));
        expect(one?.hint?.bytes).toBe(hint && encodeObject(hint).length);
      }
      const owners = list.slice(0, 3).map((name) => held.get(name)!);
      const kinds = new Set(owners.filter(({ isGone }) => !isGone).map(({ record }) => hexOf(record)));
      const isTorn = kinds.size > 1 || owners.some(({ isGone, isCorrupt }) => !isGone && isCorrupt);
      const agreement = isTorn ? 'differ' : owners.some(({ isGone }) => isGone) ? 'unknown' : 'equal';
      expect(found.agreement).toBe(agreement);
    },
  );

  it.each(seeds)(
    'repair makes the owners that answer hold all that was found, and says what it left (%i)',
    async (seed) => {
      const { cluster, id, held } = await disorder(seed);
      const { list } = cluster.primariesOf('b', 'k');
      const { operator } = cluster.node(list[1]!).coordinator;
      const done = await cluster.run(operator.repair(at, soon));
      const there = [...held.values()].filter(({ isGone }) => !isGone);
      const all = there.map(({ record, hint, isCorrupt }) => merged(isCorrupt ? undefined : record, hint));
      const wanted = all.reduce(merged, undefined);
      const owners = list.slice(0, 3);
      const isWhole = owners.every((name) => !held.get(name)!.isGone);
      let leftSome = false;
      for (const name of owners) {
        const { isGone, isCorrupt } = held.get(name)!;
        const isLeft = isGone || (isCorrupt && (!isWhole || wanted === undefined));
        leftSome ||= isLeft;
        const outcome = done.nodes.find(({ node }) => node === name)!.outcome;
        if (isLeft) expect(outcome, name).toBe('left');
        else {
          expect(['equal', 'written'], name).toContain(outcome);
          expect(hexOf(cluster.node(name).store.read(id)?.object), name).toBe(hexOf(wanted));
        }
      }
      expect(done.complete).toBe(!leftSome);
      expect(done.digest === undefined).toBe(wanted === undefined);
      if (!done.complete) return;
      const again = await cluster.run(operator.repair(at, soon));
      expect(again.nodes.filter(({ outcome }) => outcome === 'written')).toEqual([]);
    },
  );
});

it('what a collection of tombstones has passed by is not merged in again', async () => {
  const cluster = await testCluster();
  const { id, list } = cluster.primariesOf('b', 'k');
  const old = encodeObject(
    updateObject(undefined, undefined, { actor: 'w-0', counter: 1 }, { value: bytes('old'), contentType: '' }),
  );
  const [stray, ...others] = [...list].reverse().map((name) => cluster.node(name));
  await cluster.run(stray!.store.write(id, old));
  for (const { store } of others) await cluster.run(store.raiseBarrier(id.partition, 1));
  const done = await cluster.run(others[0]!.coordinator.operator.repair(at, soon));
  expect(done.digest).toBeUndefined();
  expect(done.complete).toBe(true);
  for (const { store } of others) expect(store.read(id)).toBeUndefined();
});

it('answers on the bus, at an address that applications have no right to', async () => {
  const cluster = await testCluster();
  const [first, second] = cluster.nodes;
  await cluster.run(first!.coordinator.put({ ...at, value: bytes('v') }));
  await cluster.pass(100);
  const { id } = cluster.primariesOf('b', 'k');
  const address = `node.${second!.id}.operator`;
  expect(await cluster.run(first!.bus.request(address, inspect, at, { timeoutMs: 500 }))).toMatchObject({
    agreement: 'equal',
  });
  expect(await cluster.run(first!.bus.request(address, repair, at, { timeoutMs: 500 }))).toMatchObject({
    complete: true,
  });
  await expect(cluster.run(first!.bus.request('kv.inspect', inspect, at, { timeoutMs: 500 }))).rejects.toMatchObject({
    code: 'NO_RESPONDERS',
  });
  const reply = await cluster.run(
    first!.bus.request(`node.${cluster.primariesOf('b', 'k').list[0]}.storage`, replicaInspect, id, { timeoutMs: 500 }),
  );
  expect(reply.record?.actor).toBeDefined();
});

describe('merge', () => {
  const written = (counter: number, seen?: VersionedObject, key = 'k') =>
    updateObject(
      seen,
      seen && contextOf(seen),
      { actor: 'elsewhere-0', counter },
      { value: bytes(`${key} ${counter}`), contentType: 'a/b' },
    );

  it('brings an object to its owners, hints for those that are away, and twice is as good as once', async () => {
    const cluster = await testCluster();
    const { id, list } = cluster.primariesOf('b', 'k');
    const away = cluster.node(list[2]!);
    cluster.network.setLink((from, to) => ([from, to].includes(`node.${away.id}`) ? [] : [0]));
    cluster.setDown(away.id, true);
    const old = written(1);
    const object = written(2, old);
    const { operator } = cluster.node(list[4]!).coordinator;
    for (const one of [object, old, object])
      await cluster.run(operator.merge({ ...at, object: encodeObject(one) }, soon));
    await cluster.pass(100);
    for (const name of list.slice(0, 2)) expect(hexOf(cluster.node(name).store.read(id)?.object)).toBe(hexOf(object));
    expect(away.store.read(id)).toBeUndefined();
    cluster.network.setLink(undefined);
    cluster.setDown(away.id, false);
    await cluster.pass(5_000);
    expect(hexOf(away.store.read(id)?.object)).toBe(hexOf(object));
    expect(cluster.nodes.flatMap(({ store }) => store.hintStats())).toEqual([]);
  });

  it('leaves what the object has not seen beside it, and no dot of a later put is one of its', async () => {
    const cluster = await testCluster();
    const { id, list } = cluster.primariesOf('b', 'k');
    const [first] = list.map((name) => cluster.node(name));
    const { context } = await cluster.run(first!.coordinator.put({ ...at, value: bytes('here') }));
    const before = first!.store.read(id)!.object;
    // The store was rolled back: what comes was written under the very actor that coordinates the key here, later.
    const { actor } = before.siblings[0]!.dot;
    const ahead = updateObject(
      before,
      contextOf(before),
      { actor, counter: 2 },
      { value: bytes('ahead'), contentType: '' },
    );
    await cluster.run(first!.coordinator.operator.merge({ ...at, object: encodeObject(ahead) }, soon));
    await cluster.run(first!.coordinator.put({ ...at, value: bytes('blind'), context }));
    await cluster.pass(200);
    const { siblings } = first!.store.read(id)!.object;
    expect(siblings.map(({ value }) => Buffer.from(value!).toString()).sort()).toEqual(['ahead', 'blind']);
    expect(new Set(siblings.map(({ dot }) => `${dot.actor}:${dot.counter}`)).size).toBe(2);
  });

  it('refuses what is no object, and says when too few can take it', async () => {
    const cluster = await testCluster();
    const { operator } = cluster.nodes[0]!.coordinator;
    const object = encodeObject(written(1));
    const broken = Uint8Array.from(object).fill(255, 3, 5);
    const merge = (given: Uint8Array) => cluster.run(operator.merge({ ...at, object: given }, soon));
    await expect(merge(broken)).rejects.toMatchObject({ code: 'CORRUPT_OBJECT' });
    cluster.network.setLink((from, to) => (from === to ? [0] : []));
    await expect(merge(object)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('objects tells of every key what R owners hold together, page by page', async () => {
    const cluster = await testCluster({ nodes: 3, cacheBytes: 0 });
    const random = seededRandom(7);
    const held = new Map<string, VersionedObject>();
    // Those of one partition, whose values are large, take several pages.
    const all = Array.from({ length: 600 }, (_, i) => `k${i}`);
    const { partition } = cluster.primariesOf('b', 'k0').id;
    const together = all.filter((key) => cluster.primariesOf('b', key).id.partition === partition).slice(0, 8);
    const keys = [...together, ...all.filter((key) => !together.includes(key)).slice(0, 12)];
    const writes: Promise<unknown>[] = [];
    for (const key of keys) {
      const { id, list } = cluster.primariesOf('b', key);
      // Two of the three owners have each write.
      const parts = [1, 2].map((counter) => {
        const value = new Uint8Array(150_000).fill(counter);
        return updateObject(
          undefined,
          undefined,
          { actor: `${key}-${counter}`, counter: 1 },
          { value, contentType: '' },
        );
      });
      held.set(key, mergeObjects(parts[0]!, parts[1]!));
      for (const part of parts) {
        const without = random.below(3);
        for (const [place, name] of list.entries())
          if (place !== without) writes.push(cluster.node(name).store.write(id, encodeObject(part)));
      }
    }
    await cluster.run(Promise.all(writes));
    const [one, lost] = [together[3]!, keys.at(-1)!];
    cluster.nodes[1]!.corrupt(cluster.primariesOf('b', one).id);
    const { id, list } = cluster.primariesOf('b', lost);
    for (const name of list.slice(0, 2)) cluster.node(name).corrupt(id);
    const { operator } = cluster.nodes[2]!.coordinator;
    const found = new Map<string, Uint8Array | undefined>();
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await cluster.run(operator.objects({ bucket: 'b', cursor }));
      for (const { key, object } of page.items) {
        expect(found.has(key), key).toBe(false);
        found.set(key, object);
      }
      cursor = page.cursor;
      pages += 1;
    } while (cursor !== undefined);
    expect(pages).toBeGreaterThan(new Set(keys.map((key) => cluster.primariesOf('b', key).id.partition)).size);
    for (const [key, object] of held) {
      if (key === lost) expect(found.get(key), key).toBeUndefined();
      else expect(Buffer.compare(found.get(key)!, encodeObject(object)), key).toBe(0);
    }
    expect([...found.keys()].sort()).toEqual([...keys].sort());
  });
});
