import { type Clock, type Random, systemClock, systemRandom } from '@ringfort/bus';
import { noBase } from './base.ts';
import { LayeredTable } from './layered-table.ts';
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
  readonly clock?: Clock;
  readonly random?: Random;
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
    cacheBytes: 16 * 1024 * 1024,
    clock,
    table: new LayeredTable({
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
