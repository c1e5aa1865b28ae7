import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbStore } from '../../src/index.ts';
import type { LmdbStoreOptions } from '../../src/lmdb-store.ts';
import type { Site } from './compliance.ts';

export function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'ringfort-storage-'));
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** A store in a directory of its own. */
export function directorySite(base: Partial<LmdbStoreOptions> = {}): Site {
  const directory = makeDirectory();
  return {
    open: (options) => openLmdbStore({ ...base, ...options, directory }),
    async reopen(store, options) {
      await store.close();
      return openLmdbStore({ ...base, ...options, directory });
    },
    remove: () => Promise.resolve(removeDirectory(directory)),
  };
}
