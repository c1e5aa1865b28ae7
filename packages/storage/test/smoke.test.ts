import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeObject, updateObject } from '@ringfort/versioning';
import { expect, it } from 'vitest';
import { memoryStore, openLmdbStore } from '../src/index.ts';

it('keeps', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rf-'));
  const obj = encodeObject(
    updateObject(undefined, undefined, { actor: 'a-1', counter: 1 }, { value: new Uint8Array(1000), contentType: 'x' }),
  );
  const id = { partition: 3, bucket: 'b', key: 'k' };
  for (const open of [() => Promise.resolve(memoryStore()), () => openLmdbStore({ directory })]) {
    const store = await open();
    const r = await store.write(id, obj, { actor: 'a-1' });
    expect(r.durable).toBe(true);
    expect(store.read(id)?.digest).toBe(r.digest);
    await store.close();
  }
  const again = await openLmdbStore({ directory });
  expect(again.read(id)?.actor).toBe('a-1');
  expect(again.leaves(3).size).toBe(1);
  expect(again.stats().records).toBe(1);
  await again.close();
  rmSync(directory, { recursive: true });
});
