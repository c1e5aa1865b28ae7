import { CorruptRecordError } from './errors.ts';
import { type ByteKey, decodeId, primaryKey } from './keys-core.ts';
import { type LeafPlace, leafPlace } from './leaves.ts';
import type { LateRow } from './memtable.ts';
import type { RecordId } from './port.ts';
import { type RecordView, readable } from './record-codec.ts';

/** What a record costs in memory beside its bytes: the entry, the view and the decoded object; an estimate. */
const entryBytes = 1024;

/** More are not kept back from the table. */
const maxUnsettled = 16_384;

/** What is held in memory of one id. */
export class Entry {
  readonly id: RecordId;
  readonly key: ByteKey;
  /** What counts now; undefined: nothing is stored under the id. */
  current: RecordView | undefined;
  /** What the batch that is being made is about to store. */
  staged: RecordView | undefined = undefined;
  /** Whether the batch that is being made is about to forget the record; what it stages after that, it stages anew. */
  isDropped = false;
  /** Whether it was asked for since the hand of the clock last passed. */
  used = true;
  /** Whether the table does not have what counts now. */
  unsettled = false;
  /** Why what is stored under the id cannot be read: until something else is written in its place. */
  fault: CorruptRecordError | undefined;
  #place: LeafPlace | undefined;

  constructor(id: RecordId, key: ByteKey, current: RecordView | undefined, fault: CorruptRecordError | undefined) {
    this.id = id;
    this.key = key;
    this.current = current;
    this.fault = fault;
  }

  /** What counts for the next write of the batch that is being made. */
  get held(): RecordView | undefined {
    return this.staged ?? (this.isDropped ? undefined : this.current);
  }

  get place(): LeafPlace {
    this.#place ??= leafPlace(this.key);
    return this.#place;
  }

  get bytes(): number {
    return entryBytes + 2 * this.key.length + (this.current?.storedBytes ?? 0);
  }
}

/** The table behind a cache. */
export interface RecordTable {
  get(key: ByteKey): Uint8Array | undefined;
  /** Takes a committed record over, or that there is none any more. */
  show(key: ByteKey, stored: Uint8Array | null): void;
  /** Told of a record that cannot be read, whenever it is loaded. */
  corrupt?(key: ByteKey, fault: CorruptRecordError): void;
}

/** By bucket, by key. */
type Partition = Map<string, Map<string, Entry>>;

/**
 * Primary records that were read or written lately, verified and ready: in front of the table, and exact since every write of a primary
 * record goes through an entry. The table gets a written record when somebody is about to look there, or when its entry goes: not with every
 * write. Bounded in bytes; what was not used for a round of the clock's hand goes first.
 */
export class RecordCache {
  readonly #table: RecordTable;
  readonly #maxBytes: number;
  readonly #partitions = new Map<number, Partition>();
  readonly #ring: Entry[] = [];
  /** The entries that were unsettled last, in turns; some may be settled again. */
  readonly #late: Entry[] = [];
  #nextLate = 0;
  #hand = 0;
  #bytes = 0;

  constructor(table: RecordTable, maxBytes: number) {
    this.#table = table;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The record of the id. @throws CORRUPT_RECORD, KEY_TOO_LONG */
  read(id: RecordId): RecordView | undefined {
    const { current, fault } = this.of(id);
    if (this.#bytes > this.#maxBytes) this.trim();
    if (fault !== undefined) throw fault;
    return current;
  }

  /** The entry of the id, read from the table when there is none yet; it stays until the next {@link trim}. @throws KEY_TOO_LONG */
  of(id: RecordId): Entry {
    const entry = this.#partitions.get(id.partition)?.get(id.bucket)?.get(id.key);
    if (entry === undefined) return this.#load(id);
    entry.used = true;
    return entry;
  }

  /** What was staged counts. */
  show(entry: Entry): void {
    const { current, staged } = entry;
    this.#bytes += (staged?.storedBytes ?? 0) - (current?.storedBytes ?? 0);
    entry.current = staged;
    entry.staged = undefined;
    entry.isDropped = false;
    entry.fault = undefined;
    if (staged === undefined) {
      entry.unsettled = false;
      this.#table.show(entry.key, null);
      return;
    }
    if (entry.unsettled) return;
    entry.unsettled = true;
    const slot = this.#nextLate;
    this.#nextLate = slot + 1 === maxUnsettled ? 0 : slot + 1;
    if (slot === this.#late.length) this.#late.push(entry);
    else {
      this.#settle(this.#late[slot]!);
      this.#late[slot] = entry;
    }
  }

  /** All written records that the table does not have: it has them from now on. */
  takeLate(): LateRow[] {
    const rows: LateRow[] = [];
    for (const entry of this.#late) {
      if (!entry.unsettled) continue;
      entry.unsettled = false;
      rows.push([entry.key, entry.current!]);
    }
    this.#late.length = 0;
    this.#nextLate = 0;
    return rows;
  }

  #settle(entry: Entry): void {
    if (!entry.unsettled) return;
    entry.unsettled = false;
    this.#table.show(entry.key, entry.current!.stored);
  }

  /** Drops entries until the bound is kept. Not while a batch is being made: what is staged would be lost. */
  trim(): void {
    const ring = this.#ring;
    for (let left = 2 * ring.length; left > 0 && this.#bytes > this.#maxBytes; left--) {
      if (this.#hand >= ring.length) this.#hand = 0;
      const entry = ring[this.#hand]!;
      if (entry.used) {
        entry.used = false;
        this.#hand++;
      } else this.#drop(entry);
    }
  }

  /** Two ids with the same bytes (of texts that are not well-formed) share an entry: it is kept under what its key decodes to. */
  #load(asked: RecordId): Entry {
    const key = primaryKey(asked);
    const id = decodeId(key, 1);
    if (id.key !== asked.key || id.bucket !== asked.bucket) {
      const known = this.#partitions.get(id.partition)?.get(id.bucket)?.get(id.key);
      if (known !== undefined) return known;
    }
    const stored = this.#table.get(key);
    const found = stored === undefined ? undefined : readable(stored, id);
    const entry =
      found instanceof CorruptRecordError ? new Entry(id, key, undefined, found) : new Entry(id, key, found, undefined);
    if (entry.fault !== undefined) this.#table.corrupt?.(key, entry.fault);
    this.#keysOf(id).set(id.key, entry);
    this.#ring.push(entry);
    this.#bytes += entry.bytes;
    return entry;
  }

  #keysOf({ partition, bucket }: RecordId): Map<string, Entry> {
    let buckets = this.#partitions.get(partition);
    if (buckets === undefined) {
      buckets = new Map();
      this.#partitions.set(partition, buckets);
    }
    let keys = buckets.get(bucket);
    if (keys === undefined) {
      keys = new Map();
      buckets.set(bucket, keys);
    }
    return keys;
  }

  /** Drops the entry under the hand. */
  #drop(entry: Entry): void {
    this.#settle(entry);
    const { partition, bucket, key } = entry.id;
    const buckets = this.#partitions.get(partition)!;
    const keys = buckets.get(bucket)!;
    keys.delete(key);
    if (keys.size === 0) buckets.delete(bucket);
    if (buckets.size === 0) this.#partitions.delete(partition);
    this.#bytes -= entry.bytes;
    const last = this.#ring.pop()!;
    if (last !== entry) this.#ring[this.#hand] = last;
  }
}
