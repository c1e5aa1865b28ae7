import { execFileSync } from 'node:child_process';
import { systemClock } from '@ringfort/bus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLmdbStore } from '../src/index.ts';
import type { StoreEngine } from '../src/store-engine.ts';
import { makeDirectory, removeDirectory } from './support/directory-site.ts';
import { blind, bytesOf, leavesByFold } from './support/objects.ts';

const MiB = 1024 * 1024;

/** A small disk of its own, where this process may mount one. */
function mountSmall(directory: string, bytes: number): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let directory: string;
let mounted: boolean;
beforeEach(() => {
  directory = makeDirectory();
  mounted = mountSmall(directory, 5 * MiB);
});
afterEach(() => {
  if (mounted) execFileSync('umount', ['-l', directory]);
  removeDirectory(directory);
});

const id = (key: string) => ({ partition: 1, bucket: 'b', key });

/** Writes until nothing is taken any more; answers what was, and why no more. */
async function fill(store: StoreEngine, name: string): Promise<{ taken: string[]; codes: Set<unknown> }> {
  const taken: string[] = [];
  const codes = new Set<unknown>();
  for (let n = 0; codes.size === 0; n++) {
    const keys = Array.from({ length: 16 }, (_, i) => `${name}-${n}-${i}`);
    const outcomes = await Promise.allSettled(
      keys.map((key) => store.write(id(key), bytesOf(blind('a-1', 1, key.padEnd(2000, 'x'))))),
    );
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') taken.push(keys[i]!);
      else codes.add((outcome.reason as { code?: unknown }).code);
    }
  }
  return { taken, codes };
}

async function untilTaken(store: StoreEngine): Promise<void> {
  const lateMs = Date.now() + 10_000;
  for (;;) {
    try {
      await store.putMeta('probe', undefined);
      return;
    } catch (error) {
      if (Date.now() > lateMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe('a disk of 5 MiB that is full', () => {
  it.for<[string, number]>([
    ['the journal, which grows', 64 * MiB],
    ['LMDB, which takes the journal over', MiB / 4],
  ])(
    'refuses writes by name, loses nothing, and goes on when there is room: %s',
    async ([_, checkpointBytes], { skip }) => {
      if (!mounted) skip('needs the right to mount a tmpfs');
      let store = await openLmdbStore({ directory, checkpointBytes, clock: systemClock });
      const first = await fill(store, 'first');
      expect([...first.codes]).toEqual(['STORE_FULL']);
      expect(first.taken.length).toBeGreaterThan(100);
      const expectAll = (taken: readonly string[]) => {
        for (const key of taken) expect(store.read(id(key)), key).toBeDefined();
        expect(new Map(store.leaves(1))).toEqual(leavesByFold(store, 1));
        expect(store.stats().records).toBe(taken.length);
      };
      expectAll(first.taken);
      // It can be closed, and opened, while there is no room.
      await store.close();
      store = await openLmdbStore({ directory, checkpointBytes, clock: systemClock });
      expectAll(first.taken);
      execFileSync('mount', ['-o', `remount,size=${64 * MiB}`, directory]);
      await untilTaken(store);
      const more = ['more', 'and more'];
      for (const key of more) await store.write(id(key), bytesOf(blind('a-1', 1, key)));
      expectAll([...first.taken, ...more]);
      await store.close();
      store = await openLmdbStore({ directory, checkpointBytes, clock: systemClock });
      expectAll([...first.taken, ...more]);
      await store.close();
    },
  );
});
