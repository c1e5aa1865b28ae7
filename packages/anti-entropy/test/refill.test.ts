import { afterEach, describe, expect, it } from 'vitest';
import { PARTITIONS, ringOf, type TestNode, TestNodes } from './support/nodes.ts';
import { blind, bytesOf } from './support/sides.ts';

let cluster: TestNodes;
afterEach(() => cluster.close());

const write = ({ store }: TestNode, partition: number, key: string) =>
  store.write({ partition, bucket: 'b', key }, bytesOf(blind(`a-${key}`, 1, key)));

const filledOf = ({ store }: TestNode) =>
  Array.from({ length: PARTITIONS }, (_, partition) => partition).filter((partition) => store.isFilled(partition));

/** Three nodes, all owners of everything: the second and the third hold something each that the others lack; the first is being filled. */
async function world(intervalMs: number) {
  cluster = new TestNodes({ nodes: 3, limits: { intervalMs } });
  const [first, second, third] = cluster.nodes as [TestNode, TestNode, TestNode];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await write(second, partition, `second-${partition}`);
    await write(third, partition, `third-${partition}`);
  }
  await first.store.beginRefill();
  return { first, second, third };
}

const isDown = (node: TestNode, isIt: boolean) => {
  for (const { membership } of cluster.nodes) membership.tell({ type: isIt ? 'node.down' : 'node.up', node: node.id });
};

describe('a store in the place of a lost one', () => {
  for (const intervalMs of [0, 60_000])
    it(`is filled from all other owners, before any of it counts (interval ${intervalMs} ms)`, async () => {
      const { first, third } = await world(intervalMs);
      isDown(third, true);
      first.membership.tell({ type: 'state.changed', state: 'member' });
      await cluster.clock.advanceAsync(20_000);
      // One of two has given its part: the other may hold what that one never had.
      expect(first.store.read({ partition: 1, bucket: 'b', key: 'second-1' })).toBeDefined();
      expect(filledOf(first)).toEqual([]);
      expect(first.antiEntropy.stats().unfilled).toBe(PARTITIONS);
      isDown(third, false);
      await cluster.clock.advanceAsync(20_000);
      expect(filledOf(first)).toHaveLength(PARTITIONS);
      expect(first.antiEntropy.stats().unfilled).toBe(0);
      for (const key of ['second-5', 'third-5'])
        expect(first.store.read({ partition: 5, bucket: 'b', key })).toBeDefined();
      // It was this node alone that asked, where nobody compares anything by itself.
      if (intervalMs === 0) expect(third.store.read({ partition: 5, bucket: 'b', key: 'second-5' })).toBeDefined();
    });

  it('needs nobody who is no owner any more', async () => {
    const { first, third } = await world(60_000);
    isDown(third, true);
    first.membership.tell({ type: 'state.changed', state: 'member' });
    await cluster.clock.advanceAsync(20_000);
    expect(filledOf(first)).toEqual([]);
    first.membership.tell({ type: 'ring.changed', ring: ringOf(['n1', 'n2']) });
    await cluster.clock.advanceAsync(5_000);
    expect(filledOf(first)).toHaveLength(PARTITIONS);
  });
});
