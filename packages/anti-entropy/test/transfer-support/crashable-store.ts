import type { Clock, Random } from '@ringfort/bus';
import { type DiskHook, memoryStore, type RecordId, type Store, type WriteOptions } from '@ringfort/storage';
import { type TransferStore, transferStore } from '../../src/index.ts';

type Operation =
  | { readonly type: 'write'; readonly id: RecordId; readonly bytes: Uint8Array }
  | { readonly type: 'meta'; readonly key: string; readonly value: Uint8Array | undefined }
  | { readonly type: 'barrier'; readonly partition: number; readonly barrier: number };

/**
 * A disk that outlives the processes that use it. After a crash it holds what was told to be durable, and of what came later a part from the
 * beginning: whoever counted on more is found out.
 */
export class CrashableDisk {
  storeId: string;
  /** How long a sync takes: from, to. */
  syncMs: readonly [min: number, max: number] = [0, 0];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #hook: DiskHook;
  #operations: Operation[] = [];
  #durable = 0;
  #generation = 0;
  store!: TransferStore;
  raw!: Store;

  constructor(storeId: string, clock: Clock, random: Random, hook: DiskHook = {}) {
    this.storeId = storeId;
    this.#clock = clock;
    this.#random = random;
    this.#hook = { ...hook, sync: () => this.#sync() };
  }

  /** A process opens the store. */
  async open(): Promise<TransferStore> {
    this.#generation += 1;
    const raw = memoryStore({
      clock: this.#clock,
      random: this.#random,
      durability: 'interval',
      disk: this.#hook,
      cacheBytes: 0,
    });
    const { syncMs } = this;
    this.syncMs = [0, 0];
    for (const operation of this.#operations) await replay(raw, operation);
    this.syncMs = syncMs;
    this.raw = raw;
    this.store = this.#watch(raw, this.#generation);
    return this.store;
  }

  /** What was written so far is durable, by word of the test. */
  keep(): void {
    this.#durable = this.#operations.length;
  }

  /** An empty disk takes its place; the process is to be started again. */
  exchange(storeId: string): void {
    this.storeId = storeId;
    this.#operations = [];
    this.#durable = 0;
  }

  #sync(): Promise<void> {
    const [min, max] = this.syncMs;
    const delayMs = min + this.#random.below(max - min + 1);
    return delayMs === 0 ? Promise.resolve() : new Promise((resolve) => this.#clock.setTimeout(resolve, delayMs));
  }

  /** The process is gone; its store answers nobody any more. */
  crash(): void {
    this.#generation += 1;
    const unsure = this.#operations.length - this.#durable;
    this.#operations = this.#operations.slice(0, this.#durable + this.#random.below(unsure + 1));
    this.#durable = this.#operations.length;
  }

  #watch(raw: Store, generation: number): TransferStore {
    const isGone = () => this.#generation !== generation;
    const gone = new Promise<never>(() => {});
    const keep = async <T>(operation: Operation, isDurable: boolean, run: () => Promise<T>): Promise<T> => {
      if (isGone()) return gone;
      const upTo = this.#operations.push(operation);
      const result = await run();
      if (isGone()) return gone;
      if (isDurable) this.#durable = Math.max(this.#durable, upTo);
      return result;
    };
    return {
      ...transferStore(raw),
      storeId: this.storeId,
      write: (id: RecordId, bytes: Uint8Array, options: WriteOptions) =>
        keep({ type: 'write', id, bytes }, options.sync === true, () => raw.write(id, bytes, options)),
      raiseBarrier: (partition, barrier) =>
        keep({ type: 'barrier', partition, barrier }, true, () => raw.raiseBarrier(partition, barrier)),
      putMeta: (key, value) => keep({ type: 'meta', key, value }, true, () => raw.putMeta(key, value)),
    };
  }
}

async function replay(raw: Store, operation: Operation): Promise<void> {
  if (operation.type === 'write') await raw.write(operation.id, operation.bytes, { sync: false });
  else if (operation.type === 'meta') await raw.putMeta(operation.key, operation.value);
  else await raw.raiseBarrier(operation.partition, operation.barrier);
}
