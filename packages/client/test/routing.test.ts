import { describe, expect, it, vi } from 'vitest';
import { connected } from './support/connected.ts';

describe('routing', () => {
  it('sends each request straight to the first node of its preference list, with the version of its ring', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    for (let i = 0; i < 40; i++) {
      const [first] = cluster.nodesOf('b', `k${i}`);
      const before = first!.requests.length;
      await bucket.put(`k${i}`, i);
      expect(first!.requests.slice(before)).toMatchObject([
        { verb: 'put', address: 'node', body: { ring: cluster.ring.version } },
      ]);
    }
    expect(db.view()).toMatchObject({ mode: 'routing', partitions: 16, version: cluster.ring.version });
  });

  it('asks any node while no ring is known, and routes once there is one', async () => {
    const { cluster, db } = await connected({ nodes: ['n1', 'n2', 'n3'], founded: false });
    expect(db.view().mode).toBe('viewless');
    const bucket = db.bucket<number>('b');
    await bucket.put('k', 1);
    expect((await bucket.get('k')).value).toBe(1);
    expect(
      [...cluster.nodes.values()].flatMap((node) => node.requests).filter((one) => one.verb !== 'view'),
    ).toMatchObject([{ address: 'kv' }, { address: 'kv' }]);
    cluster.records = cluster.founding(['n1', 'n2', 'n3']);
    cluster.announce('ring.changed', 'n1');
    await vi.waitFor(() => expect(db.view().mode).toBe('routing'), { timeout: 3000 });
    const before = cluster.nodesOf('b', 'k')[0]!.requests.length;
    await bucket.get('k');
    expect(cluster.nodesOf('b', 'k')[0]!.requests.slice(before)).toMatchObject([{ verb: 'get', address: 'node' }]);
  });

  it('refreshes its view once, not once per request, when replies say that it is stale', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    cluster.records = [
      ...cluster.records,
      { kind: 'node.reweighted', lamport: 9, author: 'n1', node: 'n1', weight: 3 },
    ];
    const asked = cluster.count('view');
    await Promise.all(Array.from({ length: 50 }, (_, i) => bucket.get(`k${i}`)));
    await vi.waitFor(() => expect(db.view().version).toEqual(cluster.ring.version), { timeout: 3000 });
    expect(cluster.count('view')).toBe(asked + 1);
  });

  it('refreshes when the ring is said to have changed, and not for a version it holds', async () => {
    const { cluster, db } = await connected();
    cluster.announce('ring.changed', 'n2');
    cluster.records = [...cluster.records, { kind: 'node.removed', lamport: 9, author: 'n1', node: 'n5' }];
    const asked = cluster.count('view');
    cluster.announce('ring.changed', 'n1');
    await vi.waitFor(() => expect(db.view().nodes.map(({ id }) => id)).not.toContain('n5'), { timeout: 3000 });
    expect(cluster.count('view')).toBe(asked + 1);
  });
});
