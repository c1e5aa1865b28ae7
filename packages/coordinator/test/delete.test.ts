import { describe, expect, it } from 'vitest';
import { testCluster } from './support/cluster.ts';
import { bytes, texts } from './support/values.ts';

const at = { bucket: 'b', key: 'k' };

describe('delete', () => {
  it('without a context covers what a read of R returns, and a get then shows a context but no value', async () => {
    const cluster = await testCluster();
    const { coordinator } = cluster.nodes[0]!;
    await cluster.run(coordinator.put({ ...at, value: bytes('one') }));
    await cluster.run(coordinator.put({ ...at, value: bytes('two') }));
    await cluster.run(coordinator.delete(at));
    const read = await cluster.run(coordinator.get(at));
    expect(read.siblings).toEqual([]);
    expect(read.context).toBeDefined();
  });

  it('never covers a put that is concurrent with it', async () => {
    const cluster = await testCluster();
    const { coordinator } = cluster.nodes[0]!;
    const first = await cluster.run(coordinator.put({ ...at, value: bytes('old') }));
    await cluster.run(coordinator.put({ ...at, value: bytes('new'), context: first.context }));
    await cluster.run(coordinator.delete({ ...at, context: first.context }));
    expect(texts(await cluster.run(coordinator.get(at)))).toEqual(['new']);
  });

  it('of a key that nobody knows writes nothing', async () => {
    const cluster = await testCluster();
    await cluster.run(cluster.nodes[0]!.coordinator.delete(at));
    await cluster.pass(100);
    const { id } = cluster.primariesOf('b', 'k');
    expect(cluster.nodes.every(({ store }) => store.read(id) === undefined)).toBe(true);
  });
});
