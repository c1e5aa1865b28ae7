import { describe, expect, it } from 'vitest';
import { bytes, CodecError, InvalidArgumentError, KeyTooLongError, SiblingsError, text } from '../src/index.ts';
import { connected } from './support/connected.ts';

describe('a bucket', () => {
  it('keeps JSON by default, and answers undefined and no context for a key never written', async () => {
    const { db } = await connected();
    const users = db.bucket<{ name: string }>('users');
    await users.put('u1', { name: 'Ada' });
    expect((await users.get('u1')).value).toEqual({ name: 'Ada' });
    const nobody = await users.get('u2');
    expect([nobody.value, nobody.siblings, nobody.context]).toEqual([undefined, [], undefined]);
  });

  it('keeps text and bytes as they are, under their content types', async () => {
    const { db, cluster } = await connected();
    const words = db.bucket('words', { codec: text });
    await words.put('k', 'grüße');
    expect((await words.get('k')).value).toBe('grüße');
    const blobs = db.bucket('blobs', { codec: bytes });
    await blobs.put('k', Uint8Array.of(0, 255));
    expect(Uint8Array.from((await blobs.get('k')).value!)).toEqual(Uint8Array.of(0, 255));
    expect([...cluster.objects.values()].map((object) => object.siblings[0]!.contentType)).toEqual([
      'text/plain; charset=utf-8',
      'application/octet-stream',
    ]);
  });

  it('overwrites what the context covers and nothing else', async () => {
    const { db } = await connected();
    const bucket = db.bucket<number>('b');
    const first = await bucket.put('k', 1);
    const second = await bucket.put('k', 2, { context: first.context });
    expect(second.siblings).toBe(1);
    expect((await bucket.put('k', 3)).siblings).toBe(2);
    expect([...(await bucket.get('k')).siblings].sort()).toEqual([2, 3]);
  });

  it('deletes with a context; the concurrent value survives', async () => {
    const { db } = await connected();
    const bucket = db.bucket<number>('b');
    const { context } = await bucket.put('k', 1);
    await bucket.put('k', 2);
    await bucket.delete('k', { context });
    const { value } = await bucket.get('k');
    expect(value).toBe(2);
  });

  it('shows siblings, and a value only through `resolve`', async () => {
    const { db } = await connected();
    const plain = db.bucket<string[]>('b');
    await plain.put('k', ['a']);
    await plain.put('k', ['b']);
    const read = await plain.get('k');
    expect(read.siblings).toHaveLength(2);
    expect(() => read.value).toThrow(SiblingsError);
    const merging = db.bucket<string[]>('b', { resolve: (all) => all.flat().sort() });
    expect((await merging.get('k')).value).toEqual(['a', 'b']);
  });

  it('fails by name on what its codec has no form for, and on keys and names beyond the limits', async () => {
    const { db, cluster } = await connected();
    const bucket = db.bucket('b');
    await expect(bucket.put('k', undefined)).rejects.toThrow(CodecError);
    await db.bucket('b', { codec: text }).put('broken', '{');
    await expect(bucket.get('broken')).rejects.toMatchObject({ code: 'CODEC_FAILED', details: { what: 'decode' } });
    for (const key of ['', 'x'.repeat(1025), 'ü'.repeat(513)])
      await expect(bucket.get(key)).rejects.toThrow(KeyTooLongError);
    await expect(bucket.get('k', { timeoutMs: 0 })).rejects.toThrow(InvalidArgumentError);
    expect(() => db.bucket('')).toThrow(InvalidArgumentError);
    expect(cluster.count('get')).toBe(1);
  });
});

it('contexts and values hold on to nothing but themselves, whatever they arrived with', async () => {
  const { db } = await connected();
  const bucket = db.bucket('b', { codec: bytes });
  const { context } = await bucket.put('k', new Uint8Array(1000));
  const read = await bucket.get('k');
  for (const one of [context, read.context!, read.siblings[0]!]) expect(one.buffer.byteLength).toBe(one.byteLength);
});
