import { type Clock, type Random, systemClock, systemRandom } from '@ringfort/bus';
import { noBase } from './base.ts';
import { type ByteKey, decodeId, isHintKey, isPrimaryKey } from './keys-core.ts';
import { LayeredTable, type LayeredTableOptions } from './layered-table.ts';
import { type DiskHook, MemoryJournal } from './memory-journal.ts';
import type { Durability } from './port.ts';
import { StoreEngine } from './store-engine.ts';

export interface MemoryStoreOptions {
  readonly durability?: Durability;
  readonly syncIntervalMs?: number;
  readonly maxHintBytesPerTarget?: number;
  readonly maxQueuedWrites?: number;
  /** How long a simulated sync takes; 0. */
  readonly syncDelayMs?: number;
  /** Faults of the simulated disk. */
  readonly disk?: DiskHook;
  /** Records kept verified in memory; 16 MiB. */
  readonly cacheBytes?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** What lies in it may come back as other bytes. */
class RottingTable extends LayeredTable {
  readonly #disk: DiskHook;

  constructor(disk: DiskHook, options: LayeredTableOptions) {
    super(options);
    this.#disk = disk;
  }

  override get(key: ByteKey): Uint8Array | undefined {
    const stored = super.get(key);
    return stored === undefined ? undefined : this.#read(key, stored);
  }

  override *range(start: ByteKey, end: ByteKey): Generator<readonly [ByteKey, Uint8Array]> {
    for (const [key, stored] of super.range(start, end)) yield [key, this.#read(key, stored)];
  }

  #read(key: ByteKey, stored: Uint8Array): Uint8Array {
    const isRecord = isPrimaryKey(key) || isHintKey(key);
    if (this.#disk.read === undefined || !isRecord) return stored;
    return this.#disk.read(decodeId(key, 1), stored, isHintKey(key));
  }
}

/** The same store without a disk, for tests and simulations: given a clock and a random source, it is deterministic. */
export function memoryStore(options: MemoryStoreOptions = {}): StoreEngine {
  const { clock = systemClock, random = systemRandom, disk = {} } = options;
  const journal = new MemoryJournal(clock, options.syncDelayMs ?? 0, disk);
  return new StoreEngine({
    storeId: Buffer.from(random.bytes(16)).toString('hex'),
    durability: options.durability ?? 'fsync',
    syncIntervalMs: options.syncIntervalMs ?? 100,
    maxHintBytesPerTarget: options.maxHintBytesPerTarget ?? 256 * 1024 * 1024,
    maxQueuedWrites: options.maxQueuedWrites ?? 65_536,
    cacheBytes: options.cacheBytes ?? 16 * 1024 * 1024,
    clock,
    table: new RottingTable(disk, {
      base: noBase,
      journal,
      clock,
      checkpointBytes: Number.POSITIVE_INFINITY,
      retryMs: 0,
      lastSequence: 0,
    }),
    base: noBase,
    journal,
    nextTurn: queueMicrotask,
    release: () => Promise.resolve(),
  });
}
