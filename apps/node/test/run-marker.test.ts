import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '@ringfort/bus';
import { memoryStore } from '@ringfort/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runMarkerIn } from '../src/run-marker.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ringfort-marker-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const marker = { runId: '0123456789abcdef', nextNumber: 42 };
const fileIn = (folder: string) => join(folder, 'run-marker.json');

describe('the run marker', () => {
  it('is taken once', async () => {
    const store = memoryStore();
    const markers = runMarkerIn(directory, store, systemRandom);
    expect(await markers.take()).toBeUndefined();
    await markers.leave(marker);
    expect(await markers.take()).toEqual(marker);
    expect(existsSync(fileIn(directory))).toBe(false);
    expect(await markers.take()).toBeUndefined();
    await store.close();
  });

  it('counts for nothing when the file is a copy, as in a directory that was copied', async () => {
    const store = memoryStore();
    const markers = runMarkerIn(directory, store, systemRandom);
    await markers.leave(marker);
    copyFileSync(fileIn(directory), `${fileIn(directory)}.copy`);
    rmSync(fileIn(directory));
    copyFileSync(`${fileIn(directory)}.copy`, fileIn(directory));
    expect(await markers.take()).toBeUndefined();
    await store.close();
  });

  it('counts for nothing when the store is another one, or was rolled back', async () => {
    const store = memoryStore();
    const before = runMarkerIn(directory, store, systemRandom);
    await before.leave(marker);
    const other = memoryStore();
    expect(await runMarkerIn(directory, other, systemRandom).take()).toBeUndefined();
    await before.leave(marker);
    await store.putMeta('node/run-marker', new Uint8Array(16)); // what an older backup would hold
    expect(await before.take()).toBeUndefined();
    await store.close();
    await other.close();
  });

  it('counts for nothing when it is damaged, and is cleared away', async () => {
    const store = memoryStore();
    const markers = runMarkerIn(directory, store, systemRandom);
    await markers.leave(marker);
    writeFileSync(fileIn(directory), '{"runId":');
    expect(await markers.take()).toBeUndefined();
    expect(existsSync(fileIn(directory))).toBe(false);
    await markers.leave(marker);
    expect(await markers.take()).toEqual(marker);
    await store.close();
  });
});
