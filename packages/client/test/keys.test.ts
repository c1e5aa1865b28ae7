import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../src/index.ts';
import { connected } from './support/connected.ts';
import { NodeFailure } from './support/fake-cluster.ts';

describe('keys', () => {
  it('come page by page until there are no more, and of this bucket only', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    await db.bucket<number>('c').put('other', 0);
    const written = Array.from({ length: 25 }, (_, i) => `key-${i}`).sort();
    for (const key of written) await bucket.put(key, 0);
    const found: string[] = [];
    for await (const key of bucket.keys({ pageSize: 10 })) found.push(key);
    expect(found).toEqual(written);
    expect(cluster.count('keys')).toBe(3);
  });

  it('are not asked for further than they are read', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    for (let i = 0; i < 9; i++) await bucket.put(`k${i}`, 0);
    for await (const key of bucket.keys({ pageSize: 3 })) if (key === 'k1') break;
    expect(cluster.count('keys')).toBe(1);
  });

  it('a page is asked for again where another node may answer; else the failure arrives by name', async () => {
    const { cluster, db } = await connected({ nodes: ['n1', 'n2', 'n3'] });
    const bucket = db.bucket<number>('b');
    await bucket.put('k', 0);
    let failures = 2;
    for (const node of cluster.nodes.values())
      node.behave = (verb) => {
        if (verb === 'keys' && failures-- > 0) throw new NodeFailure('NOT_SERVING');
      };
    expect(await bucket.keys().next()).toEqual({ value: 'k', done: false });
    failures = Number.POSITIVE_INFINITY;
    await expect(bucket.keys().next()).rejects.toMatchObject({ code: 'NOT_SERVING' });
    await expect(bucket.keys({ pageSize: 0 }).next()).rejects.toThrow(InvalidArgumentError);
  });
});
