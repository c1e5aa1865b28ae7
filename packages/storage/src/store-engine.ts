import type { Clock } from '@ringfort/bus';
import type { Base } from './base.ts';
import { StoreClosedError } from './errors.ts';
import { GroupCommit } from './group-commit.ts';
import { decodeOwedRow } from './hint-codec.ts';
import { HintLedger } from './hint-ledger.ts';
import type { Journal } from './journal.ts';
import * as keys from './keys-core.ts';
import type { LayeredTable } from './layered-table.ts';
import { Leaves } from './leaves.ts';
import { page } from './paging.ts';
import { nothingWritten, PendingWrite } from './pending-write.ts';
import type {
  Durability,
  ForeignDot,
  Hint,
  HintStats,
  Page,
  RecordId,
  Store,
  StoredRecord,
  WriteDone,
  WriteOptions,
  WriteResult,
} from './port.ts';
import { RecordCache } from './record-cache.ts';
import { RecordView } from './record-codec.ts';
import { type Counts, countsKey, decodeCounts, Stage } from './stage.ts';
import { checkBarrier, readHint, stageDelivered, stageHint, stageWrite, type Written } from './write-core.ts';

export interface EngineOptions {
  readonly storeId: string;
  readonly durability: Durability;
  /** In `interval`, how long a write may stay unsynced. */
  readonly syncIntervalMs: number;
  readonly maxHintBytesPerTarget: number;
  readonly maxQueuedWrites: number;
  readonly cacheBytes: number;
  readonly clock: Clock;
  readonly table: LayeredTable;
  readonly base: Base;
  readonly journal: Journal;
  readonly nextTurn: (fn: () => void) => void;
  /** Called when all is closed. */
  readonly release: () => Promise<void>;
}

/** More would hold up the event loop for too long. */
const maxBatch = 512;

/** The store over a layered table: what both stores share. */
export class StoreEngine implements Store {
  readonly storeId: string;
  readonly durability: Durability;
  readonly #options: EngineOptions;
  readonly #table: LayeredTable;
  readonly #records: RecordCache;
  readonly #leaves: Leaves;
  readonly #ledger = new HintLedger();
  readonly #barriers = new Map<number, number>();
  readonly #commits: GroupCommit<Stage, PendingWrite>;
  #counts: Counts;
  #onForeignDot: ((dot: ForeignDot) => void) | undefined;
  #syncTimer: unknown;
  #closing: Promise<void> | undefined;
  #closed = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.storeId = options.storeId;
    this.durability = options.durability;
    this.#table = options.table;
    this.#records = new RecordCache(options.table, options.cacheBytes);
    this.#leaves = new Leaves(options.table);
    this.#counts = decodeCounts(options.table.get(countsKey));
    for (const [key, value] of this.#table.range('B', 'C'))
      this.#barriers.set(keys.barrierPartition(key), Buffer.from(value).readUInt32LE());
    for (const [key, row] of this.#table.range('O', 'P'))
      this.#ledger.record(keys.owedTarget(key), undefined, decodeOwedRow(row));
    const parts = { table: this.#table, records: this.#records, leaves: this.#leaves, ledger: this.#ledger };
    this.#commits = new GroupCommit({
      nextTurn: options.nextTurn,
      makeRoom: () => this.#table.makeRoom(),
      begin: () => new Stage(parts, this.#counts),
      commit: (stage) => {
        this.#counts = stage.commit();
      },
      committed: (batch) => this.#answer(batch),
      maxBatch,
      maxQueued: options.maxQueuedWrites,
    });
  }

  read(id: RecordId): StoredRecord | undefined {
    this.#checkOpen();
    return this.#records.read(id);
  }

  write(id: RecordId, bytes: Uint8Array, options: WriteOptions = {}): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.submit(id, bytes, options, (error, result) => (error === undefined ? resolve(result!) : reject(error)));
    });
  }

  submit(id: RecordId, bytes: Uint8Array, options: WriteOptions, done: WriteDone): void {
    this.#submit(options.sync, done, (stage) => {
      checkBarrier(id.partition, options.barrier, this.barrier(id.partition));
      return this.#told(id, false, stageWrite(stage, id, bytes, options.actor));
    });
  }

  onForeignDot(listener: (dot: ForeignDot) => void): void {
    this.#onForeignDot = listener;
  }

  #told(id: RecordId, standIn: boolean, written: Written): Written {
    if (written.foreign !== undefined) this.#onForeignDot?.({ id, standIn, ...written.foreign });
    return written;
  }

  readHint(id: RecordId): StoredRecord | undefined {
    this.#checkOpen();
    const stored = this.#table.get(keys.hintKey(id));
    return stored === undefined ? undefined : RecordView.read(readHint(stored, id).record, id);
  }

  writeHint(
    id: RecordId,
    bytes: Uint8Array,
    owedTo: readonly string[],
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    const nowMs = this.#options.clock.now();
    const maxBytesPerTarget = this.#options.maxHintBytesPerTarget;
    return this.#commit(options.sync, (stage) => {
      checkBarrier(id.partition, options.barrier, this.barrier(id.partition));
      const hint = { id, bytes, owedTo, actor: options.actor, nowMs, maxBytesPerTarget };
      return this.#told(id, true, stageHint(stage, hint));
    });
  }

  hintStats(): readonly HintStats[] {
    return this.#ledger.stats();
  }

  hints(target: string, after: Uint8Array | undefined, limits: { maxItems: number; maxBytes: number }): Page<Hint> {
    this.#checkOpen();
    const prefix = keys.owedPrefix(target);
    const start = after === undefined ? prefix : keys.nextKey(keys.keyOfBytes(after));
    return page(this.#table.range(start, keys.afterPrefix(prefix)), limits, (key) => {
      const encodedId = key.slice(prefix.length);
      const id = keys.decodeId(encodedId, 0);
      const { owed, record } = readHint(this.#table.get(`H${encodedId}`) ?? new Uint8Array(0), id);
      const view = RecordView.read(record, id);
      return [{ id, bytes: view.bytes, digest: view.digest, owedTo: [...owed.keys()] }, view.bytes.length];
    });
  }

  async hintDelivered(id: RecordId, target: string, digest: string): Promise<void> {
    await this.#commit(false, (stage) => {
      stageDelivered(stage, id, target, digest);
      return nothingWritten;
    });
  }

  fold(
    query: { partition: number; bucket?: string; after?: Uint8Array; fromKey?: string },
    limits: { maxItems: number; maxBytes: number },
  ): Page<{ id: RecordId; record: StoredRecord }> {
    this.#checkOpen();
    const { partition, bucket, fromKey } = query;
    const prefix = bucket === undefined ? keys.partitionPrefix(partition) : `P${keys.bucketPrefix(partition, bucket)}`;
    let start = prefix;
    if (bucket !== undefined && fromKey !== undefined) start = keys.primaryKey({ partition, bucket, key: fromKey });
    if (query.after !== undefined) {
      const next = keys.nextKey(keys.keyOfBytes(query.after));
      if (next > start) start = next;
    }
    return page(this.#table.range(start, keys.afterPrefix(prefix)), limits, (key, stored) => {
      const id = keys.decodeId(key, 1);
      const record = RecordView.read(stored, id);
      return [{ id, record }, record.bytes.length];
    });
  }

  leaves(partition: number): ReadonlyMap<number, string> {
    this.#checkOpen();
    return this.#leaves.all(partition);
  }

  barrier(partition: number): number {
    return this.#barriers.get(partition) ?? 0;
  }

  /** Durable when resolved; a barrier never goes back. */
  async raiseBarrier(partition: number, barrier: number): Promise<void> {
    const value = Buffer.alloc(4);
    value.writeUInt32LE(barrier);
    await this.#commit(true, (stage) => {
      if (barrier > this.barrier(partition)) stage.set(keys.barrierKey(partition), value);
      return nothingWritten;
    });
    this.#barriers.set(partition, Math.max(barrier, this.barrier(partition)));
  }

  getMeta(key: string): Uint8Array | undefined {
    this.#checkOpen();
    return this.#table.get(keys.metaKey(key));
  }

  async putMeta(key: string, value: Uint8Array | undefined): Promise<void> {
    const copy = value === undefined ? null : Uint8Array.from(value);
    await this.#commit(true, (stage) => {
      stage.set(keys.metaKey(key), copy);
      return nothingWritten;
    });
  }

  listMeta(prefix: string): ReadonlyMap<string, Uint8Array> {
    this.#checkOpen();
    const start = keys.metaKey(prefix);
    const entries = new Map<string, Uint8Array>();
    for (const [key, value] of this.#table.range(start, keys.afterPrefix(start)))
      entries.set(keys.metaName(key), value);
    return entries;
  }

  stats(): { records: number; hintRecords: number; bytesOnDisk: number } {
    return { ...this.#counts, bytesOnDisk: this.#closed ? 0 : this.#options.base.bytesOnDisk() };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock, journal, base, release } = this.#options;
    await this.#commits.close();
    clock.clearTimeout(this.#syncTimer);
    try {
      await journal.sync();
      // Only to make the next start short: what the journal holds is safe there.
      await this.#table.checkpoint().catch(() => undefined);
    } finally {
      this.#closed = true;
      await base.close();
      await journal.close();
      await release();
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreClosedError();
  }

  #commit(sync: boolean | undefined, apply: (stage: Stage) => Written): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.#submit(sync, (error, result) => (error === undefined ? resolve(result!) : reject(error)), apply);
    });
  }

  /** Joins the next batch; `sync` says whether to answer only when on disk. */
  #submit(sync: boolean | undefined, done: WriteDone, apply: (stage: Stage) => Written): void {
    this.#commits.add(new PendingWrite(sync ?? this.durability === 'fsync', done, apply));
  }

  /** Answers at once those of the batch that need not wait, and the others after one flush. */
  #answer(batch: readonly PendingWrite[]): void {
    const { journal } = this.#options;
    const { durable } = journal;
    const waiting: PendingWrite[] = [];
    for (const write of batch) {
      if (durable || !write.waits) write.answer(durable);
      else waiting.push(write);
    }
    if (waiting.length > 0)
      journal.sync().then(
        () => {
          for (const write of waiting) write.answer(true);
        },
        (error: Error) => {
          for (const write of waiting) write.refuse(error);
        },
      );
    else if (!durable) this.#syncSoon();
  }

  #syncSoon(): void {
    const { clock, journal, syncIntervalMs } = this.#options;
    this.#syncTimer ??= clock.setTimeout(() => {
      this.#syncTimer = undefined;
      journal.sync().catch(() => undefined); // kept by the journal: the next write is refused with it
    }, syncIntervalMs);
  }
}
