import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '@ringfort/bus';
import type { Store } from '@ringfort/storage';
import type { RunMarker, RunMarkerStore } from '@ringfort/versioning';
import { z } from 'zod';

const fileName = 'run-marker.json';
const metaKey = 'node/run-marker';

const markerFileSchema = z.strictObject({
  runId: z.string().regex(/^[0-9a-f]{16}$/),
  nextNumber: z.int().min(0),
  store: z.string(),
  nonce: z.string(),
  file: z.string(),
});

/**
 * The marker by which a clean stop hands its run over to the next start of the very same directory. It has two halves: a file beside the
 * store, which names its own inode and time of birth, so that a copy of it counts for nothing; and a random word in the store, so that
 * a store that was rolled back or exchanged does not fit the file. Both are durably gone before the run goes on.
 */
export function runMarkerIn(directory: string, store: Store, random: Random): RunMarkerStore {
  const path = join(directory, fileName);
  return {
    async take(): Promise<RunMarker | undefined> {
      const nonce = store.getMeta(metaKey);
      const found = await readMarker(path);
      await removeFile(path, directory);
      if (nonce !== undefined) await store.putMeta(metaKey, undefined);
      if (found === undefined || nonce === undefined) return undefined;
      const { runId, nextNumber } = found;
      const fits = found.store === store.storeId && found.nonce === Buffer.from(nonce).toString('hex');
      return fits ? { runId, nextNumber } : undefined;
    },
    async leave({ runId, nextNumber }: RunMarker): Promise<void> {
      const nonce = random.bytes(16);
      await store.putMeta(metaKey, nonce);
      await removeFile(path, directory);
      const handle = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
      try {
        const file = identity(await handle.stat({ bigint: true }));
        const content = { runId, nextNumber, store: store.storeId, nonce: Buffer.from(nonce).toString('hex'), file };
        await handle.writeFile(JSON.stringify(content));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await syncDirectory(directory);
    },
  };
}

/** The marker, where the file is whole and is the one that was written, not a copy of it. */
async function readMarker(path: string): Promise<z.infer<typeof markerFileSchema> | undefined> {
  try {
    const marker = markerFileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return marker.file === identity(await stat(path, { bigint: true })) ? marker : undefined;
  } catch {
    return undefined; // none, or none to be trusted: a fresh run is always safe
  }
}

function identity(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.birthtimeNs}`;
}

async function removeFile(path: string, directory: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await syncDirectory(directory);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle: FileHandle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
