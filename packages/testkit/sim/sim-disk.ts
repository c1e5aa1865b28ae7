import type { Clock } from '@ringfort/bus';
import { type Durability, type RecordId, type Store, StoreFullError } from '@ringfort/storage';
import type { RunMarker } from '@ringfort/versioning';
// A store that opens what a former one left has no public constructor but LMDB's: these are the parts that it opens with.
import type { Base } from '../../storage/src/base.ts';
import { type Journal, SharedFlush } from '../../storage/src/journal.ts';
import { framesToReplay, scanFrames } from '../../storage/src/journal-codec.ts';
import { type ByteKey, hintKey, metaKey, primaryKey } from '../../storage/src/keys-core.ts';
import { checkpointKey, decodeSequence, LayeredTable } from '../../storage/src/layered-table.ts';
import { replay } from '../../storage/src/lmdb-store.ts';
import { StoreEngine } from '../../storage/src/store-engine.ts';
import { type SeededRandom, seededRandom } from '../src/index.ts';

/** How long a flush takes: at least, and at most more. */
export interface DiskTimes {
  readonly syncMs: number;
  readonly spreadMs: number;
}

export interface OpenOptions {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly durability: Durability;
  readonly maxHintBytesPerTarget: number;
}

/** Where a store keeps its half of the marker of a clean stop. */
export const markerKey = 'node/run-marker';
/** Rows per transaction of a checkpoint, at most. */
const MAX_ROWS = 8;

/**
 * What a machine keeps when its process dies: the journal of its store, and the table that checkpoints move it to. What was appended but not
 * flushed dies with the power.
 */
export class SimDisk {
  times: DiskTimes = { syncMs: 0.3, spreadMs: 0.4 };
  /** Whether it takes no more bytes. */
  isFull = false;
  /** What a clean stop left beside the store for the next start, with the word that the store must hold for it to count. */
  left: { readonly marker: RunMarker; readonly word: Uint8Array } | undefined;
  cleanStops = 0;
  readonly storeId: string;
  readonly #rows = new Map<ByteKey, Uint8Array>();
  #frames: Uint8Array[] = [];
  /** How many of them stand in the journal's other file: the next turn overwrites them. */
  #older = 0;
  #synced = 0;
  #isDamaged = false;
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
    this.#keepFrames(Math.min(this.#frames.length, this.#synced + kept));
    this.#synced = this.#frames.length;
  }

  /**
   * Loses the last frames although they were flushed: a disk that lied, or a copy taken earlier. The node's membership stays: without that it is a
   * node with an exchanged disk.
   */
  loseTail(count: number): void {
    const sacred = this.#frames.findLastIndex(isMembership) + 1;
    this.#keepFrames(Math.max(sacred, this.#frames.length - count));
    this.left = undefined;
    this.#isDamaged = true;
  }

  #keepFrames(count: number): void {
    this.#frames.length = count;
    this.#older = Math.min(this.#older, count);
    this.#synced = Math.min(this.#synced, count);
  }

  /** Flips a bit of the record (or stand-in record) where the table holds it, and the journal nothing newer; false: it does not. */
  corrupt(id: RecordId, standIn: boolean): boolean {
    const key = standIn ? hintKey(id) : primaryKey(id);
    const stored = this.#rows.get(key);
    const newer = framesToReplay(
      this.#scans().map(({ frames }) => frames),
      this.#checkpoint(),
    );
    if (stored === undefined || newer.some(({ rows }) => rows.some((row) => row.key === key))) return false;
    this.#rows.set(key, damaged(stored));
    return true;
  }

  /** Flips a bit of a frame of the journal: it is looked at when the store is opened the next time. */
  corruptFrame(random: SeededRandom): boolean {
    if (this.#frames.length === 0) return false;
    const at = random.below(this.#frames.length);
    if (isMembership(this.#frames[at]!)) return false;
    this.#frames[at] = damaged(this.#frames[at]!);
    this.#isDamaged = true;
    return true;
  }

  /** Nobody holds it open any more. */
  release(): void {
    this.#opened += 1;
  }

  /** The store as it would open now, to be read only. */
  peek(): Store {
    const random = seededRandom(0);
    const { table, engine } = this.#store({
      clock: stoppedClock,
      random,
      durability: 'fsync',
      maxHintBytesPerTarget: 0,
    });
    for (const frame of framesToReplay(
      this.#scans().map(({ frames }) => frames),
      this.#checkpoint(),
    ))
      table.replay(frame);
    return engine();
  }

  /** Opens the store that is on the disk as LMDB's is opened: its journal is replayed, and goes into the table. Never resolves when the process dies meanwhile. */
  async open(options: OpenOptions): Promise<StoreEngine> {
    this.#opened += 1;
    const { table, engine } = this.#store(options);
    const { inside, tail } = await replay(table, this.#scans(), this.#checkpoint());
    if (inside + tail > 0) {
      if (!this.#isDamaged) throw new Error('the simulated disk keeps whole frames, the store does not find them');
      this.left = undefined;
    }
    return engine();
  }

  #checkpoint(): number {
    return decodeSequence(this.#rows.get(checkpointKey));
  }

  #scans() {
    const checkpoint = this.#checkpoint();
    return [this.#frames.slice(0, this.#older), this.#frames.slice(this.#older)].map((file) =>
      scanFrames(Buffer.concat(file), checkpoint),
    );
  }

  #store(options: OpenOptions): { table: LayeredTable; engine: () => StoreEngine } {
    const { clock, random, durability, maxHintBytesPerTarget } = options;
    const base = this.#base(options, this.#opened);
    const journal = this.#journal(options, this.#opened);
    const table = new LayeredTable({
      base,
      journal,
      clock,
      checkpointBytes: random.pick([600, 6_000, Number.POSITIVE_INFINITY]),
      retryMs: 500,
      lastSequence: this.#checkpoint(),
    });
    const cacheBytes = random.pick([0, 64 * 1024, 256 * 1024]);
    const engine = () =>
      new StoreEngine({
        storeId: this.storeId,
        durability,
        syncIntervalMs: 100,
        maxHintBytesPerTarget,
        maxQueuedWrites: 65_536,
        cacheBytes,
        clock,
        table,
        base,
        journal,
        nextTurn: queueMicrotask,
        release: async () => {},
      });
    return { table, engine };
  }

  /** The table: each transaction takes its time, and counts as a whole or not at all. */
  #base({ clock, random }: OpenOptions, opened: number): Base {
    const disk = this;
    const rows = this.#rows;
    const commit = async (part: readonly (readonly [ByteKey, Uint8Array | null])[]) => {
      await disk.#flushed(clock, random);
      if (disk.#opened !== opened) return;
      for (const [key, value] of part) {
        if (value === null) rows.delete(key);
        else rows.set(key, Uint8Array.from(value));
      }
    };
    return {
      get: (key) => rows.get(key),
      range: (start, end) =>
        [...rows].filter(([key]) => key >= start && key < end).sort((a, b) => (a[0] < b[0] ? -1 : 1)),
      async apply(changed, _bytes, last) {
        if (disk.isFull) throw fullError();
        const [begun, ...all] = changed;
        const part = [begun!];
        while (all.length > 0) {
          part.push(...all.splice(0, 1 + random.below(MAX_ROWS)));
          await commit(part.splice(0));
        }
        await commit([...part, ...last]);
      },
      snapshot: () => {
        const held = [...rows].sort((a, b) => (a[0] < b[0] ? -1 : 1));
        return { rows: () => held, close: () => {} };
      },
      bytesOnDisk: () => 0,
      close: async () => {},
    };
  }

  #flushed(clock: Clock, random: SeededRandom): Promise<void> {
    const { syncMs, spreadMs } = this.times;
    return new Promise((resolve) => {
      clock.setTimeout(resolve, syncMs + random.float() * spreadMs);
    });
  }

  #journal({ clock, random }: OpenOptions, opened: number): Journal {
    const disk = this;
    const isOpen = () => disk.#opened === opened;
    let bytes = 0;
    /** Frames that were overwritten since this opening, and those that the next append overwrites. */
    let gone = 0;
    let stale = 0;
    const overwrite = () => {
      disk.#frames.splice(0, stale);
      disk.#synced = Math.max(0, disk.#synced - stale);
      disk.#older -= stale;
      gone += stale;
      stale = 0;
    };
    const flush = new SharedFlush((done) => {
      const upTo = gone + disk.#frames.length;
      const { syncMs, spreadMs } = disk.times;
      const flushed = () => {
        if (isOpen()) disk.#synced = Math.max(disk.#synced, upTo - gone);
        done(undefined);
      };
      clock.setTimeout(flushed, disk.unsynced === 0 ? 0 : syncMs + random.float() * spreadMs);
    });
    return {
      get bytes() {
        return bytes;
      },
      get durable() {
        return disk.#synced === disk.#frames.length;
      },
      append(frame) {
        if (disk.isFull) throw fullError();
        bytes += frame.length;
        if (!isOpen()) return;
        overwrite();
        disk.#frames.push(Uint8Array.from(frame));
      },
      flush: (done) => flush.run(done),
      rotate() {
        bytes = 0;
        if (!isOpen()) return;
        stale = disk.#older;
        disk.#older = disk.#frames.length;
      },
      async close() {},
    };
  }
}

/** Whether the frame holds records of the membership's history. */
function isMembership(frame: Uint8Array): boolean {
  return scanFrames(frame, 0).frames.some(({ rows }) =>
    rows.some(({ key }) => key.startsWith(metaKey('')) && key !== metaKey(markerKey)),
  );
}

function damaged(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length - 1]! ^= 1;
  return copy;
}

const fullError = () => new StoreFullError('the simulated disk');

const stoppedClock: Clock = {
  now: () => 0,
  monotonicMs: () => 0,
  setTimeout: () => undefined,
  clearTimeout: () => undefined,
};
