import { afterEach, describe, expect, it } from 'vitest';
import { FixedMembership, PARTITIONS, ringOf, type TestNode, TestNodes } from './support/nodes.ts';
import { blind, bytesOf, contentOf } from './support/sides.ts';

let cluster: TestNodes;
afterEach(() => cluster.close());

const write = ({ store }: TestNode, partition: number, bucket: string, key: string, text = key) =>
  store.write({ partition, bucket, key }, bytesOf(blind(`a-${text}`, 1, text)));

/** What the first n nodes of each partition's list hold of a bucket. */
function held(bucket: string, n: number): Map<string, string>[][] {
  return Array.from({ length: PARTITIONS }, (_, partition) =>
    cluster.ring
      .preferenceList(partition)
      .slice(0, n)
      .map((id) => {
        const all = [...contentOf(cluster.node(id).store, partition)];
        return new Map(all.filter(([name]) => name.startsWith(`${bucket}/`)));
      }),
  );
}

const expectEqual = (bucket: string, n: number, keys: number) => {
  for (const replicas of held(bucket, n)) for (const one of replicas) expect(one).toEqual(replicas[0]);
  expect(held(bucket, n).reduce((sum, [first]) => sum + first!.size, 0)).toBe(keys);
};

const movedKeys = () =>
  cluster.nodes.reduce((sum, { antiEntropy }) => {
    const { keysSent, keysReceived } = antiEntropy.stats();
    return sum + keysSent + keysReceived;
  }, 0);

/** One key per partition and replica, which that replica alone holds. */
async function scatter(bucket: string, n: number): Promise<number> {
  let keys = 0;
  for (let partition = 0; partition < PARTITIONS; partition++)
    for (const id of cluster.ring.preferenceList(partition).slice(0, n))
      await write(cluster.node(id), partition, bucket, `k${keys++}`);
  return keys;
}

describe('anti-entropy of a cluster', () => {
  it('makes all replicas equal at once after the start, and moves nothing after that', async () => {
    cluster = new TestNodes({ nodes: 5 });
    const keys = await scatter('b', 3);
    await cluster.clock.advanceAsync(130_000);
    expectEqual('b', 3, keys);
    const moved = movedKeys();
    await cluster.clock.advanceAsync(180_000);
    expect(movedKeys()).toBe(moved);
    expect(cluster.nodes.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it('knows which buckets two nodes share', async () => {
    cluster = new TestNodes({ nodes: 6, buckets: { one: 1, two: 2, five: 5, six: 6 } });
    const counts = new Map<string, number>();
    for (const [bucket, n] of [
      ['one', 1],
      ['two', 2],
      ['five', 5],
      ['six', 6],
      ['b', 3],
    ] as const)
      counts.set(bucket, await scatter(bucket, n));
    await cluster.clock.advanceAsync(250_000);
    for (const [bucket, n] of [
      ['one', 1],
      ['two', 2],
      ['five', 5],
      ['six', 6],
      ['b', 3],
    ] as const) {
      expectEqual(bucket, n, counts.get(bucket)!);
      const strangers = cluster.nodes.flatMap(({ id, store }) =>
        Array.from({ length: PARTITIONS }, (_, partition) => {
          const isPrimary = cluster.ring.preferenceList(partition).slice(0, n).includes(id);
          return isPrimary
            ? []
            : [...contentOf(store, partition).keys()].filter((name) => name.startsWith(`${bucket}/`));
        }).flat(),
      );
      expect(strangers).toEqual([]);
    }
    const moved = movedKeys();
    await cluster.clock.advanceAsync(130_000);
    expect(movedKeys()).toBe(moved);
  });

  it('costs two idle nodes one message each per interval, whatever they share', async () => {
    cluster = new TestNodes({ nodes: 3 });
    await scatter('b', 3);
    await cluster.clock.advanceAsync(300_000);
    const sent = () => cluster.nodes.map(({ bus }) => bus.stats().messagesOut);
    const before = sent();
    await cluster.clock.advanceAsync(600_000);
    // Ten rounds, two peers, and as many answers to theirs.
    for (const [index, now] of sent().entries()) expect(Math.abs(now - before[index]! - 40)).toBeLessThanOrEqual(4);
  });

  it('leaves alone who is down, and goes at once to who comes back', async () => {
    cluster = new TestNodes({ nodes: 3 });
    const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode];
    await cluster.clock.advanceAsync(1_000);
    for (const { membership } of [n2, n3]) membership.tell({ type: 'node.down', node: 'n1' });
    for (const node of ['n2', 'n3']) n1.membership.tell({ type: 'node.down', node });
    cluster.faulty.split(['node.n1'], ['node.n2', 'node.n3']);
    for (let partition = 0; partition < PARTITIONS; partition++) await write(n2, partition, 'b', `k${partition}`);
    await cluster.clock.advanceAsync(200_000);
    expect(cluster.nodes.flatMap(({ faults }) => faults)).toEqual([]);
    expect(contentOf(n1.store, 0).size).toBe(0);
    cluster.faulty.heal();
    for (const { membership } of [n2, n3]) membership.tell({ type: 'node.up', node: 'n1' });
    for (const node of ['n2', 'n3']) n1.membership.tell({ type: 'node.up', node });
    await cluster.clock.advanceAsync(5_000);
    expectEqual('b', 3, PARTITIONS);
  });

  it('does not send again what a hint has delivered', async () => {
    cluster = new TestNodes({ nodes: 3 });
    for (const node of cluster.nodes) for (let p = 0; p < PARTITIONS; p++) await write(node, p, 'b', `k${p}`);
    await cluster.clock.advanceAsync(130_000);
    expect(movedKeys()).toBe(0);
  });

  it('leaves to handoff what is owed as a hint, but for hints that are not delivered', async () => {
    cluster = new TestNodes({ nodes: 3 });
    const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode];
    await cluster.clock.advanceAsync(1_000);
    const ids = Array.from({ length: 60 }, (_, i) => ({ partition: 0, bucket: 'b', key: `k${i}` }));
    const bytes = bytesOf(blind('a-1', 1, 'owed'));
    for (const id of ids) {
      for (const { store } of [n1, n3]) await store.write(id, bytes);
      await n1.store.writeHint(id, bytes, ['n2']);
    }
    n1.membership.tell({ type: 'node.up', node: 'n2' });
    await cluster.clock.advanceAsync(10_000);
    for (const id of ids.slice(0, 50)) {
      const { digest } = await n2.store.write(id, bytes);
      await n1.store.hintDelivered(id, 'n2', digest);
    }
    await cluster.clock.advanceAsync(60_000);
    expect(contentOf(n2.store, 0).size).toBe(60);
    expect(n1.antiEntropy.stats().keysSent).toBeLessThanOrEqual(10);
  });

  it('replaces a corrupt record by what all the others hold, and not before it has heard them', async () => {
    cluster = new TestNodes({ nodes: 3 });
    const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode];
    await write(n1, 0, 'b', 'k', 'old');
    await write(n2, 0, 'b', 'k', 'old');
    await write(n3, 0, 'b', 'k', 'new');
    const id = { partition: 0, bucket: 'b', key: 'k' };
    const rotten = Buffer.from(n1.store.read(id)!.bytes);
    // Until it is replaced.
    n1.disk.read = (_, stored) => {
      const copy = Buffer.from(stored);
      if (copy.includes(rotten)) copy[copy.length - 1]! ^= 1;
      return copy;
    };
    expect(() => n1.store.read(id)).toThrow(expect.objectContaining({ code: 'CORRUPT_RECORD' }));
    cluster.faulty.cut('node.n3', 'node.n1');
    cluster.faulty.cut('node.n3', 'node.n2');
    await cluster.clock.advanceAsync(130_000);
    expect(() => n1.store.read(id)).toThrow(expect.objectContaining({ code: 'CORRUPT_RECORD' }));
    cluster.faulty.heal();
    await cluster.clock.advanceAsync(130_000);
    const both = n1.store
      .read(id)!
      .object.siblings.map(({ value }) => new TextDecoder().decode(value))
      .sort();
    expect(both).toEqual(['new', 'old']);
    expectEqual('b', 3, 1);
  });

  it('answers nobody while its node is no member, and begins when it becomes one', async () => {
    cluster = new TestNodes({ nodes: 2 });
    const [n1, n2] = cluster.nodes as [TestNode, TestNode];
    n2.membership.state = 'joining';
    n2.antiEntropy.close();
    n2.antiEntropy = cluster.begin(n2);
    await write(n1, 0, 'b', 'k');
    await cluster.clock.advanceAsync(70_000);
    expect(contentOf(n2.store, 0).size).toBe(0);
    expect(n1.faults[0]).toContain('NOT_SERVING');
    n2.membership.state = 'member';
    n2.membership.tell({ type: 'state.changed', state: 'member' });
    await cluster.clock.advanceAsync(3_000);
    expectEqual('b', 2, 1);
  });

  it('follows the ring', async () => {
    cluster = new TestNodes({ nodes: 4 });
    const bigger = ringOf(['n1', 'n2', 'n3', 'n4'], { b: 4 });
    const keys = await scatter('b', 3);
    await cluster.clock.advanceAsync(70_000);
    for (const { membership } of cluster.nodes) membership.tell({ type: 'ring.changed', ring: bigger });
    await cluster.clock.advanceAsync(130_000);
    expectEqual('b', 4, keys);
    expect(cluster.nodes[0]!.membership).toBeInstanceOf(FixedMembership);
  });
});
