import { describe, expect, it } from 'vitest';
import { SiblingsError, UpdateConflictError } from '../src/index.ts';
import { connected } from './support/connected.ts';

const union = (siblings: readonly string[][]) => [...new Set(siblings.flat())].sort();

describe('update', () => {
  it('starts from nothing, goes on from what is there, and merges siblings first', async () => {
    const { db } = await connected();
    const carts = db.bucket<string[]>('carts', { resolve: union });
    await carts.update('k', (cart = []) => [...cart, 'book']);
    await carts.put('k', ['pen']);
    await carts.update('k', (cart = []) => [...cart, 'ink']);
    const read = await carts.get('k');
    expect(read.siblings).toEqual([['book', 'pen', 'ink']]);
  });

  it('merges what was written concurrently, with its own change called once', async () => {
    const { cluster, db } = await connected();
    const carts = db.bucket<string[]>('carts', { resolve: union });
    await carts.put('k', ['book']);
    let intruders = 2;
    for (const node of cluster.nodes.values())
      node.behave = async (verb, body) => {
        const { session } = body as { session?: string };
        if (verb !== 'put' || session !== db.id || intruders === 0) return;
        const value = Buffer.from(JSON.stringify([`intruder ${intruders--}`]));
        cluster.put('elsewhere', { bucket: 'carts', key: 'k', value });
      };
    let called = 0;
    const result = await carts.update('k', (cart = []) => {
      called++;
      return [...cart, 'pen'];
    });
    expect(result).toEqual(['book', 'intruder 1', 'intruder 2', 'pen']);
    expect((await carts.get('k')).siblings).toEqual([result]);
    expect(called).toBe(1);
  });

  it('gives up by name when others never stop writing', async () => {
    const { cluster, db } = await connected();
    const carts = db.bucket<string[]>('carts', { resolve: union });
    for (const node of cluster.nodes.values())
      node.behave = (verb) => {
        if (verb === 'put') cluster.put('elsewhere', { bucket: 'carts', key: 'k', value: Buffer.from('["intruder"]') });
      };
    await expect(carts.update('k', () => ['mine'], { attempts: 3 })).rejects.toThrow(UpdateConflictError);
    expect(cluster.count('put')).toBe(3);
  });

  it('without `resolve` says that there are siblings, before it writes or after', async () => {
    const { cluster, db } = await connected();
    const plain = db.bucket<string[]>('b');
    await plain.put('k', ['a']);
    await plain.put('k', ['b']);
    await expect(plain.update('k', () => ['c'])).rejects.toThrow(SiblingsError);
    expect(cluster.count('put')).toBe(2);
    for (const node of cluster.nodes.values())
      node.behave = (verb) => {
        if (verb === 'put') cluster.put('elsewhere', { bucket: 'b', key: 'new', value: Buffer.from('["intruder"]') });
      };
    await expect(plain.update('new', () => ['c'])).rejects.toMatchObject({
      code: 'SIBLINGS',
      details: { written: true },
    });
  });

  it('writes nothing when the change returns undefined', async () => {
    const { cluster, db } = await connected();
    expect(await db.bucket<number>('b').update('k', () => undefined)).toBeUndefined();
    expect(cluster.count('put')).toBe(0);
  });
});
