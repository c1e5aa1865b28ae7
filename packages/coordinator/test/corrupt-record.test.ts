import { describe, expect, it } from 'vitest';
import { type TestCluster, testCluster } from './support/cluster.ts';
import { bytes, texts } from './support/values.ts';

const at = { bucket: 'b', key: 'k' };

async function written(value = 'v'): Promise<{ cluster: TestCluster; primaries: ReturnType<TestCluster['node']>[] }> {
  const cluster = await testCluster({ cacheBytes: 0 });
  const primaries = cluster
    .primariesOf('b', 'k')
    .list.slice(0, 3)
    .map((name) => cluster.node(name));
  await cluster.run(primaries[0]!.coordinator.put({ ...at, value: bytes(value) }));
  await cluster.pass(100);
  return { cluster, primaries };
}

const digests = (nodes: readonly { store: TestCluster['nodes'][number]['store'] }[], cluster: TestCluster) =>
  nodes.map(({ store }) => store.read(cluster.primariesOf('b', 'k').id)?.digest);

describe('a corrupt record', () => {
  it.each([0, 1, 2])(
    'does not count towards R, and is repaired from the others; read at primary %i',
    async (reader) => {
      const { cluster, primaries } = await written();
      const { id } = cluster.primariesOf('b', 'k');
      primaries[0]!.corrupt(id);
      expect(() => primaries[0]!.store.read(id)).toThrow(expect.objectContaining({ code: 'CORRUPT_RECORD' }));
      const { coordinator } = primaries[reader]!;
      await expect(cluster.run(coordinator.get({ ...at, r: 3, sloppy: false }))).rejects.toMatchObject({
        code: 'QUORUM_UNAVAILABLE',
        details: { required: 3, causes: ['CORRUPT_RECORD'] },
      });
      await cluster.pass(200);
      expect(texts(await cluster.run(coordinator.get({ ...at, r: 3 })))).toEqual(['v']);
      expect(new Set(digests(primaries, cluster)).size).toBe(1);
      expect(primaries[0]!.store.stats().corruptRecords).toBe(1);
    },
  );

  it.each([1, 2])('is no reason for a get with R=%i to fail, or to answer less', async (r) => {
    const { cluster, primaries } = await written();
    const { id } = cluster.primariesOf('b', 'k');
    primaries[0]!.corrupt(id);
    for (const { coordinator } of cluster.nodes)
      expect(texts(await cluster.run(coordinator.get({ ...at, r })))).toEqual(['v']);
    await cluster.pass(200);
    expect(new Set(digests(primaries, cluster)).size).toBe(1);
  });

  it('is not replaced by what some of the others hold, while another may hold more', async () => {
    const { cluster, primaries } = await written('old');
    const { id } = cluster.primariesOf('b', 'k');
    const [a, b, c] = primaries;
    // Only a and c have the second value; then c is cut off, and a cannot read its own.
    cluster.network.setLink((from, to) => ([from, to].includes(`node.${b!.id}`) ? [] : [0]));
    const { context } = await cluster.run(a!.coordinator.get({ ...at, r: 1 }));
    await cluster.run(a!.coordinator.put({ ...at, value: bytes('new'), context, w: 2, sloppy: false }));
    await cluster.pass(3000);
    for (const node of cluster.nodes)
      for (const hint of node.store.hints(b!.id, undefined, { maxItems: 10, maxBytes: 1e6 }).items)
        await cluster.run(node.store.hintDelivered(hint.id, b!.id, hint.digest));
    cluster.network.setLink((from, to) => ([from, to].includes(`node.${c!.id}`) ? [] : [0]));
    a!.corrupt(id);
    await cluster.run(b!.coordinator.get({ ...at, r: 2, sloppy: false }).catch(() => undefined));
    await cluster.pass(3000);
    expect(() => a!.store.read(id)).toThrow(expect.objectContaining({ code: 'CORRUPT_RECORD' }));
    cluster.network.setLink(undefined);
    expect(texts(await cluster.run(b!.coordinator.get({ ...at, r: 2 })))).toEqual(['new']);
    await cluster.pass(3000);
    expect(new Set(digests(primaries, cluster)).size).toBe(1);
  });

  it.each([0, 1])(
    'is replaced by a put at primary %i, under a fresh actor, and loses nothing that others hold',
    async (writer) => {
      const { cluster, primaries } = await written();
      const { id } = cluster.primariesOf('b', 'k');
      const before = primaries[0]!.store.read(id)!.object.siblings[0]!.dot;
      primaries[0]!.corrupt(id);
      await cluster.run(primaries[writer]!.coordinator.put({ ...at, value: bytes('blind') }));
      await cluster.run(primaries[writer]!.coordinator.put({ ...at, value: bytes('blind too') }));
      await cluster.pass(500);
      expect(new Set(digests(primaries, cluster)).size).toBe(1);
      const { siblings } = primaries[0]!.store.read(id)!.object;
      expect(texts(await cluster.run(primaries[0]!.coordinator.get(at)))).toEqual(['blind', 'blind too', 'v']);
      expect(new Set(siblings.map(({ dot }) => `${dot.actor}:${dot.counter}`)).size).toBe(3);
      const own = siblings.filter(({ dot }) => dot.actor === before.actor);
      expect(own).toHaveLength(1);
      expect(primaries[0]!.versioner.run().alarms).toBe(0);
    },
  );

  it('that nobody else has stays an error of its node, and a get says at once when R cannot be met', async () => {
    const cluster = await testCluster({ cacheBytes: 0, buckets: { one: { n: 1, r: 1, w: 1, conflict: 'siblings' } } });
    const { id, list } = cluster.primariesOf('one', 'k');
    const only = cluster.node(list[0]!);
    await cluster.run(only.coordinator.put({ bucket: 'one', key: 'k', value: bytes('v') }));
    only.corrupt(id);
    const startMs = cluster.clock.monotonicMs();
    await expect(cluster.run(only.coordinator.get({ bucket: 'one', key: 'k' }))).rejects.toMatchObject({
      code: 'QUORUM_UNAVAILABLE',
      details: { causes: ['CORRUPT_RECORD'] },
    });
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(100);
    await cluster.run(only.coordinator.put({ bucket: 'one', key: 'k', value: bytes('again') }));
    expect(texts(await cluster.run(only.coordinator.get({ bucket: 'one', key: 'k' })))).toEqual(['again']);
  });

  it('is listed, and hides no other key', async () => {
    const { cluster, primaries } = await written();
    const { id } = cluster.primariesOf('b', 'k');
    for (const node of primaries) node.corrupt(id);
    for (const key of ['x', 'y'])
      await cluster.run(cluster.nodes[0]!.coordinator.put({ bucket: 'b', key, value: bytes(key) }));
    expect((await cluster.run(cluster.nodes[0]!.coordinator.keys({ bucket: 'b', limit: 10 }))).keys.sort()).toEqual([
      'k',
      'x',
      'y',
    ]);
  });
});

it('a corrupt hint holds up none of the others; its target gets what the other replicas hold', async () => {
  const cluster = await testCluster({ cacheBytes: 0, nodes: 4 });
  const { id, list } = cluster.primariesOf('b', 'k');
  const [a, b, down, standIn] = list.map((name) => cluster.node(name));
  cluster.network.setLink((from, to) => ([from, to].includes(`node.${down!.id}`) ? [] : [0]));
  cluster.setDown(down!.id, true);
  await cluster.run(a!.coordinator.put({ ...at, value: bytes('v') }));
  const others = Array.from({ length: 40 }, (_, i) => `other${i}`);
  await cluster.run(Promise.all(others.map((key) => a!.coordinator.put({ bucket: 'b', key, value: bytes(key) }))));
  expect(standIn!.store.readHint(id)).toBeDefined();
  standIn!.corrupt(id, true);
  cluster.network.setLink(undefined);
  cluster.setDown(down!.id, false);
  await cluster.pass(10_000);
  expect(cluster.nodes.flatMap(({ store }) => store.hintStats())).toEqual([]);
  expect(down!.store.read(id)?.digest).toBe(b!.store.read(id)!.digest);
});
