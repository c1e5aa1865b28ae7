import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '@ringfort/bus';
import { type Base, noBase } from './base.ts';
import { type Journal, sync } from './journal.ts';
import { type Frame, FrameWriter } from './journal-codec.ts';
import {
  type ByteKey,
  isPrimaryKey,
  ownKey,
  type PartitionedTable,
  partitionKey,
  partitionOfKey,
  partitionsAtMost,
} from './keys-core.ts';
import { Leaves, leafPlace } from './leaves.ts';
import { type LateRow, Memtable, type Row, type Value } from './memtable.ts';
import type { TableSnapshot } from './store-copy.ts';

/** In the base: the number of the last frame whose rows it holds. */
export const checkpointKey = ownKey('checkpoint');
/** In the base: the number of the last frame of whose rows it may hold some. */
export const begunKey = ownKey('begun');

/** Bounds how long the event loop is busy with them. */
const lateRowsPerTurn = 256;

export interface LayeredTableOptions {
  readonly base: Base;
  readonly journal: Journal;
  readonly clock: Clock;
  /** Rows in memory, and bytes in a journal file, before they are handed to the base. */
  readonly checkpointBytes: number;
  /** How long a failed checkpoint is left alone. */
  readonly retryMs: number;
  readonly lastSequence: number;
}

/**
 * One ordered table in three layers: the newest rows in memory (journaled), those that are on their way into the base, and the base. A
 * checkpoint freezes the first layer, lets the journal go on in its other file, and hands the frozen rows to the base in the order of their
 * keys: a key written a hundred times meanwhile reaches it once.
 *
 * The newest primary records need not be among the newest rows: who keeps them hands them over when asked to (see {@link onSettle}).
 */
export class LayeredTable {
  readonly leaves: Leaves;
  /** The batch that is being made. */
  readonly frame = new FrameWriter();
  readonly #options: LayeredTableOptions;
  #takeLate: () => LateRow[] = () => [];
  #active = new Memtable();
  #frozen:
    | { readonly rows: Memtable; readonly leaves: readonly Row[]; readonly upTo: number; readonly lastFrame: number }
    | undefined;
  #sequence: number;
  /** The number of the last frame that there is. */
  #lastFrame: number;
  /** What the base's marker says. */
  #marked: number;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown; readonly atMs: number } | undefined;

  constructor(options: LayeredTableOptions) {
    this.#options = options;
    this.#sequence = options.lastSequence;
    this.#lastFrame = options.lastSequence;
    this.#marked = options.lastSequence;
    this.leaves = new Leaves(options.base);
  }

  /** Who keeps committed primary records back from this table: asked for them before they are looked for in a range, or frozen. */
  onSettle(takeLate: () => LateRow[]): void {
    this.#takeLate = takeLate;
  }

  get(key: ByteKey): Uint8Array | undefined {
    let value = this.#active.get(key);
    if (value === undefined) value = this.#frozen?.rows.get(key);
    if (value === undefined) return this.#options.base.get(key);
    return value ?? undefined;
  }

  /** Rows with `start <= key < end`, in order; both of one group. */
  *range(start: ByteKey, end: ByteKey): Generator<readonly [ByteKey, Uint8Array]> {
    if (isPrimaryKey(start)) this.#active.addLate(this.#takeLate());
    const layers = [this.#active.range(start, end)];
    if (this.#frozen !== undefined) layers.push(this.#frozen.rows.range(start, end));
    for (const [key, value] of mergeInOrder([...layers, this.#options.base.range(start, end)]))
      if (value !== null) yield [key, value];
  }

  /** Partitions that have rows in a table. */
  partitions(table: PartitionedTable): Set<number> {
    const found = new Set<number>();
    for (const key of this.#active.firstKeys()) if (key.startsWith(table)) found.add(partitionOfKey(key));
    for (let from = partitionKey(table, 0); ; ) {
      const [first] = this.#options.base.range(from, partitionKey(table, partitionsAtMost));
      if (first === undefined) return found;
      const partition = partitionOfKey(first[0]);
      found.add(partition);
      from = partitionKey(table, partition + 1);
    }
  }

  /** Makes the batch in {@link frame} safe: it counts from now on. @throws STORE_FULL, STORE_SYNC_FAILED */
  commit(): void {
    this.#options.journal.append(this.frame.finish(this.#sequence + 1));
    this.#sequence++;
    this.#lastFrame = this.#sequence;
  }

  /** Shows a row that was committed. */
  show(key: ByteKey, value: Value): void {
    if (value === null && this.#options.base === noBase) this.#active.delete(key);
    else this.#active.set(key, value);
  }

  /** Rows of a frame that the journal still holds, at opening. */
  replay({ sequence, rows }: Frame): void {
    this.#sequence = sequence;
    this.#lastFrame = sequence;
    for (const { key, value, change } of rows) {
      this.show(key, value);
      if (change !== undefined) this.leaves.of(partitionOfKey(key)).xor(leafPlace(key).leaf, change);
    }
  }

  /** At opening: numbers that a dropped end of the journal may hold are never given again. */
  skipTo(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence);
  }

  /**
   * Before a batch: starts a checkpoint when it is due. Answers undefined when there is room, else a promise that is settled when there is,
   * or there can be none. @throws what the last checkpoint failed with, for `retryMs`
   */
  makeRoom(): Promise<void> | undefined {
    const { base, journal, clock, checkpointBytes, retryMs } = this.#options;
    if (base === noBase) return undefined;
    const fill = Math.max(this.#active.bytes, journal.bytes);
    if (this.#running !== undefined) return fill > 2 * checkpointBytes ? this.#running : undefined;
    if (this.#failure !== undefined) {
      if (clock.monotonicMs() - this.#failure.atMs < retryMs) throw this.#failure.error;
      return this.checkpoint();
    }
    if (fill > checkpointBytes) this.checkpoint().catch(() => undefined); // kept in #failure, thrown by the next call
    return undefined;
  }

  /** Hands all rows that are in memory to the base. */
  checkpoint(): Promise<void> {
    this.#running ??= this.#checkpoint()
      .then(
        () => {
          this.#failure = undefined;
        },
        (error: unknown) => {
          this.#failure = { error, atMs: this.#options.clock.monotonicMs() };
          throw error;
        },
      )
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  /** All rows, with everything that was committed before the call, as they stay. @throws STORE_FULL */
  async snapshot(): Promise<TableSnapshot> {
    const { base } = this.#options;
    if (base === noBase) {
      this.#active.addLate(this.#takeLate());
      const rows = [...this.#active.rowsInOrder()].filter((row): row is [ByteKey, Uint8Array] => row[1] !== null);
      return { rows: () => rows, close: () => {} };
    }
    // What is under way took its rows before.
    await this.#running?.catch(() => undefined);
    await this.checkpoint();
    // At once: by the next turn of the event loop the next checkpoint may have brought a part of its rows.
    return base.snapshot();
  }

  async #checkpoint(): Promise<void> {
    if (this.#frozen === undefined) {
      if (this.#sequence === this.#marked) return;
      this.#active.addLate(this.#takeLate());
      this.#frozen = {
        rows: this.#active,
        leaves: this.leaves.takeRows(),
        upTo: this.#sequence,
        lastFrame: this.#lastFrame,
      };
      this.#active = new Memtable();
      this.#options.journal.rotate();
    }
    const { rows, leaves, upTo, lastFrame } = this.#frozen;
    // First the journal: else a power cut could leave some rows of a frame in the base, and none in the journal.
    await sync(this.#options.journal);
    while (rows.takeIn(lateRowsPerTurn)) await nextTurn();
    const marked = begin(lastFrame, rows.rowsInOrder());
    await this.#options.base.apply(marked, rows.bytes, [...leaves, [checkpointKey, encodeSequence(upTo)]]);
    this.#marked = upTo;
    this.#frozen = undefined;
  }
}

/** First it is said whose rows these are: should the journal have lost some of the frames by the next start, the rows are known to be a part. */
function* begin(lastFrame: number, rows: Iterable<Row>): Generator<Row> {
  yield [begunKey, encodeSequence(lastFrame)];
  yield* rows;
}

export function encodeSequence(sequence: number): Uint8Array {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(sequence));
  return out;
}

export function decodeSequence(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : Number(Buffer.from(bytes).readBigUInt64LE());
}

/** Merges layers that are each in order; of equal keys the first layer's row counts. */
function* mergeInOrder(layers: readonly Iterable<Row>[]): Generator<Row> {
  const heads = layers.map((layer) => {
    const rows = layer[Symbol.iterator]();
    return { rows, head: rows.next() };
  });
  for (;;) {
    let least: Row | undefined;
    for (const { head } of heads)
      if (!head.done && (least === undefined || head.value[0] < least[0])) least = head.value;
    if (least === undefined) return;
    for (const one of heads) if (!one.head.done && one.head.value[0] === least[0]) one.head = one.rows.next();
    yield least;
  }
}
