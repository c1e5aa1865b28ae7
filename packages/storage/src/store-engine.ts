import type { Clock } from '@ringfort/bus';
import { Answers } from './answers.ts';
import { type BarrierChange, Barriers } from './barriers.ts';
import type { Base } from './base.ts';
import { BucketLeaves } from './bucket-leaves.ts';
import { CorruptRecords } from './corrupt-records.ts';
import { stageDrop } from './drop-core.ts';
import { CorruptRecordError, StoreClosedError, StoreNotEmptyError } from './errors.ts';
import { GroupCommit } from './group-commit.ts';
import { hex64 } from './hash.ts';
import { decodeOwedRow } from './hint-codec.ts';
import { HintLedger } from './hint-ledger.ts';
import { type Journal, sync } from './journal.ts';
import * as keys from './keys-core.ts';
import type { LayeredTable } from './layered-table.ts';
import { listDigests } from './list-digests.ts';
import { page } from './paging.ts';
import { OtherWrite, type PendingWrite, RecordWrite, type WriteRules } from './pending-write.ts';
import type {
  Collected,
  DigestPage,
  DigestQuery,
  DroppedRecords,
  Durability,
  FoldedRecord,
  ForeignDot,
  Hint,
  HintStats,
  LeafScope,
  Page,
  RecordId,
  Store,
  StoreCopy,
  StoredHint,
  StoredRecord,
  StoreStats,
  WriteDone,
  WriteOptions,
  WriteResult,
} from './port.ts';
import { RecordCache } from './record-cache.ts';
import { readable } from './record-codec.ts';
import { FilledPartitions } from './refill.ts';
import { type Counts, countsKey, decodeCounts, Stage } from './stage.ts';
import { copyOf } from './store-copy.ts';
import { readHint, stageCollected, stageDelivered, stageHint, type Written } from './write-core.ts';

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

const refillKey = keys.ownKey('refill');

/** More would hold up the event loop for too long. */
const maxBatch = 512;

/** The store over a layered table: what both stores share. */
export class StoreEngine implements Store {
  readonly storeId: string;
  readonly durability: Durability;
  readonly #options: EngineOptions;
  readonly #table: LayeredTable;
  readonly #records: RecordCache;
  readonly #ledger = new HintLedger();
  readonly #corrupt = new CorruptRecords();
  readonly #buckets: BucketLeaves;
  readonly #barriers: Barriers;
  readonly #answers: Answers;
  readonly #commits: GroupCommit<Stage, PendingWrite>;
  readonly #rules: WriteRules = {
    check: (partition, barrier) => this.#barriers.check(partition, barrier),
    told: (id, standIn, written) => this.#told(id, standIn, written),
  };
  readonly #copies = new Set<StoreCopy>();
  #counts: Counts;
  /** Undefined: this store takes nobody's place. */
  #filled: FilledPartitions | undefined;
  #onForeignDot: ((dot: ForeignDot) => void) | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.storeId = options.storeId;
    this.durability = options.durability;
    this.#table = options.table;
    const { table } = options;
    this.#records = new RecordCache(
      {
        get: (key) => table.get(key),
        show: (key, stored) => table.show(key, stored),
        corrupt: (key, fault) => this.#corrupt.note(key, fault),
      },
      options.cacheBytes,
    );
    options.table.onSettle(() => this.#records.takeLate());
    this.#counts = decodeCounts(options.table.get(countsKey));
    this.#barriers = new Barriers(table);
    for (const [key, row] of this.#table.range('O', 'P'))
      this.#ledger.record(keys.owedTarget(key), undefined, decodeOwedRow(row));
    const filled = table.get(refillKey);
    if (filled !== undefined) this.#filled = new FilledPartitions(filled);
    this.#buckets = new BucketLeaves(table);
    const buckets = this.#buckets;
    const parts = { table, records: this.#records, ledger: this.#ledger, corrupt: this.#corrupt, buckets };
    this.#answers = new Answers(options);
    this.#commits = new GroupCommit({
      nextTurn: options.nextTurn,
      makeRoom: () => this.#table.makeRoom(),
      begin: () => new Stage(parts, this.#counts),
      commit: (stage) => {
        this.#counts = stage.commit();
      },
      committed: (batch) => this.#answers.committed(batch),
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
      this.submit(id, bytes, options, settler(resolve, reject));
    });
  }

  submit(id: RecordId, bytes: Uint8Array, options: WriteOptions, done: WriteDone): void {
    this.#commits.add(new RecordWrite(this.#rules, id, bytes, options, this.#waits(options.sync), done));
  }

  async restore(id: RecordId): Promise<boolean> {
    let isInMemory = false;
    await this.#commit(true, (stage) => {
      const entry = stage.record(id);
      if (entry.held !== undefined) {
        isInMemory = true;
        stage.setRecord(entry, entry.held);
        stage.corrupt.replaced(entry.key);
      }
      return undefined;
    });
    return isInMemory;
  }

  onForeignDot(listener: (dot: ForeignDot) => void): void {
    this.#onForeignDot = listener;
  }

  onCorrupt(listener: (fault: CorruptRecordError) => void): void {
    this.#corrupt.listener = listener;
  }

  #told(id: RecordId, standIn: boolean, written: Written): Written {
    if (written.foreign !== undefined) this.#onForeignDot?.({ id, standIn, ...written.foreign });
    return written;
  }

  readHint(id: RecordId): StoredRecord | undefined {
    return this.hintOf(id)?.record;
  }

  hintOf(id: RecordId): StoredHint | undefined {
    this.#checkOpen();
    const key = keys.hintKey(id);
    const stored = this.#table.get(key);
    const found = stored === undefined ? undefined : readHint(stored, id);
    if (!(found instanceof CorruptRecordError)) return found;
    this.#corrupt.note(key, found);
    throw found;
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
      this.#barriers.takesStandIn(id.partition, options.barrier);
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
    return page<Hint>(this.#table.range(start, keys.afterPrefix(prefix)), limits, (key) => {
      const encodedId = key.slice(prefix.length);
      const id = keys.decodeId(encodedId, 0);
      const stored = this.#table.get(`H${encodedId}`) ?? nothing;
      const found = readHint(stored, id, target);
      if (found instanceof CorruptRecordError) {
        this.#corrupt.note(`H${encodedId}`, found);
        return [{ id, bytes: undefined, digest: undefined, owedTo: [target] }, stored.length];
      }
      const { record, owedTo } = found;
      return [{ id, bytes: record.bytes, digest: record.digest, owedTo }, record.bytes.length];
    });
  }

  async hintDelivered(id: RecordId, target: string, digest: string | undefined): Promise<void> {
    await this.#commit(false, (stage) => {
      stageDelivered(stage, id, target, digest);
      return undefined;
    });
    this.#barriers.readopt(id.partition);
  }

  fold(
    query: { partition: number; bucket?: string; after?: Uint8Array; fromKey?: string },
    limits: { maxItems: number; maxBytes: number },
  ): Page<FoldedRecord> {
    this.#checkOpen();
    const { partition, bucket, fromKey } = query;
    const prefix = bucket === undefined ? keys.partitionPrefix(partition) : `P${keys.bucketPrefix(partition, bucket)}`;
    let start = prefix;
    if (bucket !== undefined && fromKey !== undefined) start = keys.primaryKey({ partition, bucket, key: fromKey });
    if (query.after !== undefined) {
      const next = keys.nextKey(keys.keyOfBytes(query.after));
      if (next > start) start = next;
    }
    return page<FoldedRecord>(this.#table.range(start, keys.afterPrefix(prefix)), limits, (key, stored) => {
      const id = keys.decodeId(key, 1);
      const found = readable(stored, id);
      if (!(found instanceof CorruptRecordError)) return [{ id, record: found }, found.bytes.length];
      this.#corrupt.note(key, found);
      return [{ id, record: undefined }, stored.length];
    });
  }

  leaves(partition: number, scope?: LeafScope): ReadonlyMap<number, string> {
    this.#checkOpen();
    return this.#buckets.within(partition, scope).digests();
  }

  root(partition: number, scope?: LeafScope): string {
    this.#checkOpen();
    return hex64(
      scope === undefined ? this.#table.leaves.root(partition) : this.#buckets.within(partition, scope).root,
    );
  }

  digests(query: DigestQuery, limits: { maxItems: number; maxLookedAt: number }): DigestPage {
    this.#checkOpen();
    return listDigests(this.#table, query, limits, (key, fault) => this.#corrupt.note(key, fault));
  }

  async dropRecords(partition: number, expected: { readonly root: string }, maxItems: number): Promise<DroppedRecords> {
    let dropped: DroppedRecords | undefined;
    await this.#commit(true, (stage) => {
      dropped = stageDrop(stage, this.#table, { partition, expectedRoot: expected.root, maxItems });
      return undefined;
    });
    return dropped!;
  }

  barrier(partition: number): number {
    return this.#barriers.of(partition).floor;
  }

  label(partition: number): number {
    return this.#barriers.of(partition).label;
  }

  adoptedBarrier(partition: number): number {
    return this.#barriers.of(partition).adopted;
  }

  adoptBarrier(partition: number, barrier: number, isSame: boolean): Promise<boolean> {
    return this.#changeBarrier((stage) => this.#barriers.adopt(stage, partition, barrier, isSame));
  }

  async raiseBarrier(partition: number, barrier: number): Promise<void> {
    await this.#changeBarrier((stage) => this.#barriers.raise(stage, partition, barrier));
  }

  async #changeBarrier(change: (stage: Stage) => BarrierChange | undefined): Promise<boolean> {
    let staged: BarrierChange | undefined;
    let isDurable = false;
    try {
      await this.#commit(true, (stage) => {
        staged = change(stage);
        return undefined;
      });
      isDurable = true;
    } finally {
      if (staged !== undefined) this.#barriers.ended(staged, isDurable);
    }
    return staged !== undefined;
  }

  async collect(partition: number, records: readonly Collected[]): Promise<number> {
    let collected = 0;
    await this.#commit(true, (stage) => {
      collected = records.filter((record) => stageCollected(stage, partition, record)).length;
      return undefined;
    });
    return collected;
  }

  mayTakePlace(): boolean {
    const { records, hintRecords } = this.#counts;
    return this.#filled !== undefined || (records === 0 && hintRecords === 0 && this.#barriers.size === 0);
  }

  async beginRefill(): Promise<void> {
    if (!this.mayTakePlace()) throw new StoreNotEmptyError(this.#counts);
    this.#filled ??= new FilledPartitions();
    await this.noteFilled([]);
  }

  async noteFilled(partitions: readonly number[]): Promise<void> {
    if (this.#filled === undefined) return;
    let row = new Uint8Array(0);
    await this.#commit(true, (stage) => {
      row = Uint8Array.from(new FilledPartitions(stage.get(refillKey)).with(partitions));
      stage.set(refillKey, row);
      return undefined;
    });
    this.#filled = new FilledPartitions(row);
  }

  isFilled(partition: number): boolean {
    return this.#filled === undefined || this.#filled.has(partition);
  }

  getMeta(key: string): Uint8Array | undefined {
    this.#checkOpen();
    return this.#table.get(keys.metaKey(key));
  }

  async putMeta(key: string, value: Uint8Array | undefined): Promise<void> {
    const copy = value === undefined ? null : Uint8Array.from(value);
    await this.#commit(true, (stage) => {
      stage.set(keys.metaKey(key), copy);
      return undefined;
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

  stats(): StoreStats {
    const bytesOnDisk = this.#closed ? 0 : this.#options.base.bytesOnDisk();
    return { ...this.#counts, bytesOnDisk, corruptRecords: this.#corrupt.found };
  }

  async copy(): Promise<StoreCopy> {
    this.#checkOpen();
    const snapshot = await this.#table.snapshot();
    const copy = copyOf(snapshot, () => this.#copies.delete(copy));
    if (this.#closing !== undefined) {
      copy.close();
      throw new StoreClosedError();
    }
    this.#copies.add(copy);
    return copy;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { journal, base, release } = this.#options;
    await this.#commits.close();
    this.#answers.close();
    try {
      await sync(journal);
      // Only to make the next start short: what the journal holds is safe there.
      await this.#table.checkpoint().catch(() => undefined);
    } finally {
      this.#closed = true;
      for (const copy of [...this.#copies]) copy.close();
      await base.close();
      await journal.close();
      await release();
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreClosedError();
  }

  #commit(sync: boolean | undefined, apply: (stage: Stage) => Written | undefined): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.#commits.add(new OtherWrite(this.#waits(sync), settler(resolve, reject), apply));
    });
  }

  /** Whether a write is answered only when on disk. */
  #waits(sync: boolean | undefined): boolean {
    return sync ?? this.durability === 'fsync';
  }
}

const nothing = new Uint8Array(0);

/** Settles a promise with a write's result, in a plain object of its own. */
function settler(resolve: (result: WriteResult) => void, reject: (error: Error) => void): WriteDone {
  return (error, result) => {
    if (result === undefined) return reject(error!);
    const { digest, merged, durable } = result;
    resolve({ digest, merged, durable });
  };
}
