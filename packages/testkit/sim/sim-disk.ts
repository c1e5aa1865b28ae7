import type { Clock, Random } from '@ringfort/bus';
import type { Durability, Store } from '@ringfort/storage';
import type { RunMarker } from '@ringfort/versioning';
// A store that opens what a former one left has no public constructor but LMDB's: these are the parts that it opens with.
import { noBase } from '../../storage/src/base.ts';
import { type Journal, SharedFlush } from '../../storage/src/journal.ts';
import { decodeFrames, framesToReplay } from '../../storage/src/journal-codec.ts';
import { LayeredTable } from '../../storage/src/layered-table.ts';
import { StoreEngine } from '../../storage/src/store-engine.ts';

/** How long a flush takes: at least, and at most more. */
export interface DiskTimes {
  readonly syncMs: number;
  readonly spreadMs: number;
}

export interface OpenOptions {
  readonly clock: Clock;
  readonly random: Random & { float(): number };
  readonly durability: Durability;
  readonly maxHintBytesPerTarget: number;
}

/** What a machine keeps when its process dies: the journal of its store. What was appended but not flushed dies with the power. */
export class SimDisk {
  times: DiskTimes = { syncMs: 0.3, spreadMs: 0.4 };
  /** What a clean stop left for the next start. */
  marker: RunMarker | undefined;
  readonly storeId: string;
  #frames: Uint8Array[] = [];
  #synced = 0;
  /** The store that is open: another one's late writes do not reach the disk. */
  #opened = 0;

  constructor(storeId: string) {
    this.storeId = storeId;
  }

  get frames(): number {
    return this.#frames.length;
  }

  get unsynced(): number {
    return this.#frames.length - this.#synced;
  }

  /** What is not flushed is lost, but for the first `kept` frames of it. */
  losePower(kept = 0): void {
    this.#frames.length = Math.min(this.#frames.length, this.#synced + kept);
    this.#synced = this.#frames.length;
  }

  /** Loses the last frames although they were flushed: a disk that lied, or a copy taken earlier. */
  loseTail(count: number): void {
    this.#frames.length = Math.max(0, this.#frames.length - count);
    this.#synced = Math.min(this.#synced, this.#frames.length);
    this.marker = undefined;
  }

  /** Nobody holds it open any more. */
  release(): void {
    this.#opened += 1;
  }

  /** The store as it would open now, to be read only. */
  peek(): Store {
    const random = { below: () => 0, float: () => 0, bytes: (count: number) => new Uint8Array(count) };
    return this.#store({ clock: stoppedClock, random, durability: 'fsync', maxHintBytesPerTarget: 0 });
  }

  /** Opens the store that is on the disk, by replaying its journal as the store on LMDB does. */
  open(options: OpenOptions): Store {
    this.#opened += 1;
    return this.#store(options);
  }

  #store(options: OpenOptions): Store {
    const { clock, random, durability, maxHintBytesPerTarget } = options;
    const journal = this.#journal(options, this.#opened);
    const frames = framesToReplay([decodeFrames(Buffer.concat(this.#frames))], 0);
    if (frames.length !== this.#frames.length) {
      throw new Error(`the simulated disk kept ${this.#frames.length} frames, the store replays ${frames.length}`);
    }
    const table = new LayeredTable({
      base: noBase,
      journal,
      clock,
      checkpointBytes: Number.POSITIVE_INFINITY,
      retryMs: 0,
      lastSequence: 0,
    });
    for (const frame of frames) table.replay(frame);
    return new StoreEngine({
      storeId: this.storeId,
      durability,
      syncIntervalMs: 100,
      maxHintBytesPerTarget,
      maxQueuedWrites: 65_536,
      cacheBytes: 64 * 1024 * (1 + random.below(4)),
      clock,
      table,
      base: noBase,
      journal,
      nextTurn: queueMicrotask,
      release: async () => {},
    });
  }

  #journal({ clock, random }: OpenOptions, opened: number): Journal {
    const disk = this;
    const isOpen = () => disk.#opened === opened;
    const flush = new SharedFlush((done) => {
      const upTo = disk.#frames.length;
      const { syncMs, spreadMs } = disk.times;
      const flushed = () => {
        if (isOpen()) disk.#synced = Math.max(disk.#synced, upTo);
        done(undefined);
      };
      clock.setTimeout(flushed, disk.unsynced === 0 ? 0 : syncMs + random.float() * spreadMs);
    });
    return {
      bytes: 0,
      get durable() {
        return disk.#synced === disk.#frames.length;
      },
      append(frame) {
        if (isOpen()) disk.#frames.push(Uint8Array.from(frame));
      },
      flush: (done) => flush.run(done),
      rotate() {},
      async close() {},
    };
  }
}

const stoppedClock: Clock = {
  now: () => 0,
  monotonicMs: () => 0,
  setTimeout: () => undefined,
  clearTimeout: () => undefined,
};
