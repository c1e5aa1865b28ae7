import { type Clock, type Random, systemClock, systemRandom } from '@ringfort/bus';
import type { Base } from './base.ts';
import { lockDirectory, makeDirectory } from './directory-lock.ts';
import {
  JournalDamagedError,
  StorageError,
  StoreFullError,
  StoreUnwritableError,
  StoreVersionMismatchError,
} from './errors.ts';
import { FileJournal, readJournal } from './file-journal.ts';
import { framesToReplay, type JournalLoss, type JournalScan, lossOf } from './journal-codec.ts';
import { ownKey } from './keys-core.ts';
import { begunKey, checkpointKey, decodeSequence, encodeSequence, LayeredTable } from './layered-table.ts';
import { LmdbBase } from './lmdb-base.ts';
import type { Durability } from './port.ts';
import { rebuildDerived } from './rebuild.ts';
import { StoreEngine } from './store-engine.ts';

/** The format of everything in the directory. */
export const storeFormat = 3;
const formatKey = ownKey('format');
const storeIdKey = ownKey('storeId');
const mebibyte = 1024 * 1024;

/** More frames than a journal can hold: numbers of frames that were dropped at an opening are skipped, so they can never fit in again. */
const sequenceStride = 2 ** 20;

export interface LmdbStoreOptions {
  /** Made when it is not there. One store at a time: `STORE_LOCKED`. */
  readonly directory: string;
  /** `fsync` (default): a write is answered when it is on disk; `interval`: when the operating system has it. */
  readonly durability?: Durability;
  /** In `interval`: the longest time until a write is on disk; 100 ms. */
  readonly syncIntervalMs?: number;
  /** What may be held for one target, 256 MiB. */
  readonly maxHintBytesPerTarget?: number;
  /** Address space of the memory map, 64 GiB; LMDB extends it when needed. */
  readonly mapBytes?: number;
  /** The most that the data file may take on disk; past it `STORE_FULL`. Default: what the disk has. */
  readonly maxBytes?: number;
  /** Rows held in memory and journal before they are moved into LMDB; 64 MiB. Up to twice that is held. */
  readonly checkpointBytes?: number;
  /** Records kept in memory, ready to be answered; 64 MiB. */
  readonly cacheBytes?: number;
  /** Writes that may wait, 65,536; past it `STORE_OVERLOADED`. */
  readonly maxQueuedWrites?: number;
  /** Told at the opening of what cannot be read of the journal. A run of dots that such a store left is not to be gone on with. */
  readonly onDamage?: (damage: JournalDamagedError) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Opens (or makes) the store in a directory, after replaying what its journal holds.
 * @throws STORE_LOCKED, STORE_UNWRITABLE, STORE_VERSION_MISMATCH
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<StoreEngine> {
  const { directory } = options;
  makeDirectory(directory);
  const release = await lockDirectory(directory);
  const opened: { close(): Promise<void> }[] = [];
  try {
    return await openLocked(options, release, opened);
  } catch (cause) {
    for (const one of opened.reverse()) await one.close();
    await release();
    if (cause instanceof StorageError) throw cause;
    throw new StoreUnwritableError(directory, (cause as Error).message, { cause });
  }
}

async function openLocked(
  options: LmdbStoreOptions,
  release: () => Promise<void>,
  opened: { close(): Promise<void> }[],
): Promise<StoreEngine> {
  const { directory, clock = systemClock, random = systemRandom } = options;
  const base = new LmdbBase({
    directory,
    mapBytes: options.mapBytes ?? 65_536 * mebibyte,
    maxBytes: options.maxBytes ?? Number.POSITIVE_INFINITY,
  });
  opened.push(base);
  const storeId = await identify(base, directory, random);
  const checkpoint = decodeSequence(base.get(checkpointKey));
  const scans = readJournal(directory, checkpoint);
  const journal = new FileJournal(directory);
  opened.push(journal);
  const table = new LayeredTable({
    base,
    journal,
    clock,
    checkpointBytes: options.checkpointBytes ?? 64 * mebibyte,
    retryMs: 500,
    lastSequence: checkpoint,
  });
  const { inside, tail, behind } = await replay(table, scans, checkpoint);
  if (inside + tail > 0) options.onDamage?.(new JournalDamagedError(directory, inside + tail, behind));
  return new StoreEngine({
    storeId,
    durability: options.durability ?? 'fsync',
    syncIntervalMs: options.syncIntervalMs ?? 100,
    maxHintBytesPerTarget: options.maxHintBytesPerTarget ?? 256 * mebibyte,
    maxQueuedWrites: options.maxQueuedWrites ?? 65_536,
    cacheBytes: options.cacheBytes ?? 64 * mebibyte,
    clock,
    table,
    base,
    journal,
    nextTurn: setImmediate,
    release,
  });
}

/** The store's id, drawn when there is none yet. @throws STORE_VERSION_MISMATCH */
async function identify(base: Base, directory: string, random: Random): Promise<string> {
  const format = base.get(formatKey);
  if (format === undefined) {
    const storeId = Buffer.from(random.bytes(16)).toString('hex');
    await base.apply(
      [
        [formatKey, Uint8Array.of(storeFormat)],
        [storeIdKey, Buffer.from(storeId)],
      ],
      0,
      [[checkpointKey, encodeSequence(0)]],
    );
    return storeId;
  }
  if (format[0] !== storeFormat) throw new StoreVersionMismatchError(directory, format[0] ?? 0, storeFormat);
  return Buffer.from(base.get(storeIdKey)!).toString();
}

/** Moves what the journal holds into the base before anything overwrites it. A full disk is no reason not to serve reads. */
export async function replay(
  table: LayeredTable,
  scans: readonly JournalScan[],
  checkpoint: number,
): Promise<JournalLoss> {
  const files = scans.map(({ frames }) => frames);
  const replayed = framesToReplay(files, checkpoint);
  for (const frame of replayed) table.replay(frame);
  const loss = lossOf(replayed, scans, checkpoint, decodeSequence(table.get(begunKey)));
  if (loss.isTorn) rebuildDerived(table);
  table.skipTo((replayed.at(-1)?.sequence ?? checkpoint) + sequenceStride);
  await table.checkpoint().catch((error: unknown) => {
    if (!(error instanceof StoreFullError)) throw error;
  });
  return loss;
}
