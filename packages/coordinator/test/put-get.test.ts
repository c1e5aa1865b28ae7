import { describe, expect, it } from 'vitest';
import { testCluster } from './support/cluster.ts';
import { bytes, texts } from './support/values.ts';

describe('put and get', () => {
  it('returns what was written, from any node, and leaves equal copies on the N primaries', async () => {
    const cluster = await testCluster();
    for (const node of cluster.nodes) {
      const key = `k-${node.id}`;
      await cluster.run(node.coordinator.put({ bucket: 'b', key, value: bytes(node.id) }));
      await cluster.pass(50);
      for (const reader of cluster.nodes) {
        expect(texts(await cluster.run(reader.coordinator.get({ bucket: 'b', key })))).toEqual([node.id]);
      }
      const { id, list } = cluster.primariesOf('b', key);
      const digests = cluster.nodes.map(({ id: name, store }) => [name, store.read(id)?.digest] as const);
      const held = digests.filter(([, digest]) => digest !== undefined);
      expect(held.map(([name]) => name).sort()).toEqual([...list.slice(0, 3)].sort());
      expect(new Set(held.map(([, digest]) => digest)).size).toBe(1);
    }
  });

  it('answers a key that nobody wrote with no siblings and no context', async () => {
    const cluster = await testCluster();
    expect(await cluster.run(cluster.nodes[0]!.coordinator.get({ bucket: 'b', key: 'nothing' }))).toEqual({
      siblings: [],
    });
  });

  it('keeps a blind write as a sibling, and replaces what a context covers', async () => {
    const cluster = await testCluster();
    const { coordinator } = cluster.nodes[0]!;
    const at = { bucket: 'b', key: 'k' };
    await cluster.run(coordinator.put({ ...at, value: bytes('one') }));
    expect((await cluster.run(coordinator.put({ ...at, value: bytes('two') }))).siblings).toBe(2);
    const read = await cluster.run(coordinator.get(at));
    expect(texts(read)).toEqual(['one', 'two']);
    await cluster.run(coordinator.put({ ...at, value: bytes('both'), context: read.context! }));
    expect(texts(await cluster.run(coordinator.get(at)))).toEqual(['both']);
  });

  it('lets puts of one key under way at one coordinator see each other', async () => {
    const cluster = await testCluster();
    const at = { bucket: 'b', key: 'k' };
    const { list } = cluster.primariesOf('b', 'k');
    const { coordinator } = cluster.node(list[0]!);
    const values = Array.from({ length: 20 }, (_, i) => `v${String(i).padStart(2, '0')}`);
    await cluster.run(Promise.all(values.map((value) => coordinator.put({ ...at, value: bytes(value) }))));
    expect(texts(await cluster.run(coordinator.get({ ...at, r: 'all' })))).toEqual(values);
  });

  it('sibling-explosion: 100 writes by two clients in turn, each with the context of its own last put, leave exactly 2 siblings', async () => {
    const cluster = await testCluster();
    const at = { bucket: 'b', key: 'k' };
    const contexts: (Uint8Array | undefined)[] = [undefined, undefined];
    for (let i = 0; i < 100; i++) {
      const { coordinator } = cluster.nodes[i % cluster.nodes.length]!;
      const context = contexts[i % 2];
      const reply = await cluster.run(
        coordinator.put({ ...at, value: bytes(`w${i}`), ...(context ? { context } : {}) }),
      );
      contexts[i % 2] = reply.context;
    }
    expect(texts(await cluster.run(cluster.nodes[0]!.coordinator.get(at)))).toEqual(['w98', 'w99']);
  });

  it('answers a duplicate of a numbered write with the result of the first, and writes once', async () => {
    const cluster = await testCluster();
    const at = { bucket: 'b', key: 'k', session: 's', seq: 7 };
    const { list } = cluster.primariesOf('b', 'k');
    const { coordinator } = cluster.node(list[0]!);
    const first = await cluster.run(coordinator.put({ ...at, value: bytes('v') }));
    const second = await cluster.run(coordinator.put({ ...at, value: bytes('v') }));
    expect(second.context).toEqual(first.context);
    expect(texts(await cluster.run(coordinator.get({ bucket: 'b', key: 'k' })))).toEqual(['v']);
  });

  it('answers a duplicate of a refused write as the first, though it would be admitted by now', async () => {
    const cluster = await testCluster({ limits: { maxInFlight: 1 } });
    const at = { bucket: 'b', key: 'k' };
    const { list } = cluster.primariesOf('b', 'k');
    const { coordinator } = cluster.node(list[0]!);
    const underWay = coordinator.put({ ...at, value: bytes('v') });
    const numbered = { ...at, value: bytes('w'), session: 's', seq: 7 };
    await expect(cluster.run(coordinator.put(numbered))).rejects.toMatchObject({ code: 'OVERLOADED' });
    await cluster.run(underWay);
    await expect(cluster.run(coordinator.put(numbered))).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(texts(await cluster.run(coordinator.get(at)))).toEqual(['v']);
  });

  it('resolves an lww bucket to one value, the last writer', async () => {
    const cluster = await testCluster({ buckets: { l: { n: 3, r: 2, w: 2, conflict: 'lww' } } });
    const at = { bucket: 'l', key: 'k' };
    for (let i = 0; i < 10; i++) {
      await cluster.run(cluster.nodes[i % 5]!.coordinator.put({ ...at, value: bytes(`v${i}`) }));
      await cluster.pass(20);
    }
    expect(texts(await cluster.run(cluster.nodes[3]!.coordinator.get(at)))).toEqual(['v9']);
  });

  it('lets a value expire in a bucket with a time to live', async () => {
    const cluster = await testCluster({ buckets: { t: { n: 3, r: 2, w: 2, conflict: 'siblings', ttlSeconds: 10 } } });
    const at = { bucket: 't', key: 'k' };
    const { coordinator } = cluster.nodes[0]!;
    await cluster.run(coordinator.put({ ...at, value: bytes('short') }));
    expect(texts(await cluster.run(coordinator.get(at)))).toEqual(['short']);
    await cluster.pass(10_001);
    expect(texts(await cluster.run(coordinator.get(at)))).toEqual([]);
  });
});
