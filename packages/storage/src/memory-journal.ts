import type { Clock } from '@ringfort/bus';
import { type FlushDone, type Journal, SharedFlush } from './journal.ts';
import type { RecordId } from './port.ts';

/** Faults of a simulated disk: what it throws (or rejects with) is what the store's caller sees. */
export interface DiskHook {
  /** Before a batch counts. */
  append?(frame: Uint8Array): void;
  /** Before what was appended counts as synced. */
  sync?(): Promise<void> | void;
  /** What comes back of a record that is not in the store's cache: other bytes are bit rot. `standIn`: of the stand-in record. */
  read?(id: RecordId, stored: Uint8Array, standIn: boolean): Uint8Array;
}

/** A journal that keeps nothing: what it simulates is when a batch is durable. */
export class MemoryJournal implements Journal {
  readonly bytes = 0;
  readonly #clock: Clock;
  readonly #syncDelayMs: number;
  readonly #disk: DiskHook;
  #appended = 0;
  #synced = 0;
  readonly #flush = new SharedFlush((done) => {
    this.#syncAll().then(() => done(undefined), done);
  });

  constructor(clock: Clock, syncDelayMs: number, disk: DiskHook) {
    this.#clock = clock;
    this.#syncDelayMs = syncDelayMs;
    this.#disk = disk;
  }

  get durable(): boolean {
    return this.#synced === this.#appended;
  }

  append(frame: Uint8Array): void {
    this.#disk.append?.(frame);
    this.#appended++;
  }

  flush(done: FlushDone): void {
    this.#flush.run(done);
  }

  rotate(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #syncAll(): Promise<void> {
    if (this.durable) return;
    const upTo = this.#appended;
    if (this.#syncDelayMs > 0)
      await new Promise<void>((resolve) => {
        this.#clock.setTimeout(resolve, this.#syncDelayMs);
      });
    await this.#disk.sync?.();
    this.#synced = Math.max(this.#synced, upTo);
  }
}
