import type { ActorId, VersionedObject } from '@ringfort/versioning';
import type { CorruptRecordError } from './errors.ts';

/** Where a record lives. The order of the store is (partition, bucket, key), bytewise. */
export interface RecordId {
  readonly partition: number;
  readonly bucket: string;
  readonly key: string;
}

export type Durability = 'fsync' | 'interval';

/** What a store holds under one id. */
export interface StoredRecord {
  /** Decoded on first use. */
  readonly object: VersionedObject;
  /** Canonical encoding of the replicated part: equal bytes mean equal objects. */
  readonly bytes: Uint8Array;
  /** 64-bit hash of `bytes`, 16 hex digits; also the record's checksum, verified whenever it is read from disk. */
  readonly digest: string;
  /** The actor under which this store coordinates the key (local, never replicated). */
  readonly actor: ActorId | undefined;
}

export interface WriteResult {
  /** Digest of the record as it is stored now. */
  readonly digest: string;
  /** What is stored now, when it differs from what was handed in (the store merged in something it held). */
  readonly merged: Uint8Array | undefined;
  /** Whether it is on disk, not only committed. */
  readonly durable: boolean;
}

/** `error` is given, or `result` is the answer. */
export type WriteDone = (error: Error | undefined, result: WriteResult | undefined) => void;

export interface WriteOptions {
  /** Set by the coordinator of the write: the actor it used, kept beside the record. */
  readonly actor?: ActorId | undefined;
  /** Answer only when on disk. Default: by the store's durability. */
  readonly sync?: boolean | undefined;
  /** The sender's partition barrier: below the store's, the write is refused with `BARRIER_BEHIND`. */
  readonly barrier?: number | undefined;
}

/**
 * An object from elsewhere named a dot, of the very actor under which this store coordinates the key, beyond what the record knows: unless the
 * write is still under way here, this store has lost something, or somebody else gives dots under its name.
 */
export interface ForeignDot {
  readonly id: RecordId;
  /** The stand-in record of the key rather than the primary one. */
  readonly standIn: boolean;
  readonly actor: ActorId;
  readonly seen: number;
  readonly known: number;
}

/** A stand-in record: one per key, with the set of primaries it is owed to. */
export interface Hint {
  readonly id: RecordId;
  /** Undefined, as is the digest: the record is corrupt. All that can be done for those it is owed to is what other replicas hold. */
  readonly bytes: Uint8Array | undefined;
  readonly digest: string | undefined;
  readonly owedTo: readonly string[];
}

/** A stand-in record as it is read by its id. */
export interface StoredHint {
  readonly record: StoredRecord;
  readonly owedTo: readonly string[];
}

export interface HintStats {
  readonly target: string;
  readonly count: number;
  readonly bytes: number;
  /** Unix milliseconds when the oldest was taken; for the backlog's age. */
  readonly oldestMs: number | undefined;
}

export interface StoreStats {
  readonly records: number;
  readonly hintRecords: number;
  readonly bytesOnDisk: number;
  /** How many were found corrupt since the store was opened. */
  readonly corruptRecords: number;
}

export interface FoldedRecord {
  readonly id: RecordId;
  /** Undefined: it is corrupt. */
  readonly record: StoredRecord | undefined;
}

/** Some buckets of a partition: those named, or all but those named. */
export interface LeafScope {
  readonly buckets: readonly string[];
  readonly except: boolean;
}

/** Which records of a partition are listed: those on these leaves, in the scope, in the order of the store. */
export interface DigestQuery {
  readonly partition: number;
  readonly leaves: ReadonlySet<number>;
  readonly scope?: LeafScope | undefined;
  /** Strictly after this one; absent: from the start. */
  readonly after?: RecordName | undefined;
  /** Up to this one, itself included; absent: to the end. */
  readonly until?: RecordName | undefined;
}

/** What a collection was proven to take. */
export interface Collected extends RecordName {
  /** Of the record as the proof found it: one that has changed since stays. */
  readonly digest: string;
  /** The object that is left of it, with a shorter clock; absent: nothing. */
  readonly left?: Uint8Array | undefined;
}

/** A record of a given partition. */
export type RecordName = Pick<RecordId, 'bucket' | 'key'>;

export interface ListedRecord extends RecordName {
  /** Undefined: it is corrupt. */
  readonly digest: string | undefined;
}

export interface DigestPage {
  readonly items: readonly ListedRecord[];
  /** The last record that was looked at, listed or not; absent: all were. */
  readonly through: RecordName | undefined;
}

export interface DroppedRecords {
  /** `changed`: the root was another one, and nothing was dropped. `partly`: there are more. */
  readonly outcome: 'changed' | 'partly' | 'all';
  readonly dropped: number;
  /** Of what is left. */
  readonly root: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Hand it back to go on; absent when there is nothing more. */
  readonly next: Uint8Array | undefined;
}

/** A copy of a store under way (see copy-format.ts). It holds on to what the store overwrites meanwhile: it is to be read at once, or closed. */
export interface StoreCopy {
  /** The next piece, about so large; undefined: that was all. */
  next(aboutBytes: number): Uint8Array | undefined;
  /** Idempotent. */
  close(): void;
}

/**
 * The store port. Reads are synchronous (memory-mapped); writes answer when they are durable in the sense asked for.
 * Every method may throw (or reject with) an error of `errors.ts`; none leaves a half-written record.
 */
export interface Store {
  /** Random, drawn when the directory was made; with the node's id, its identity. */
  readonly storeId: string;
  readonly durability: Durability;
  /** The primary record. Verifies the checksum of what is not in memory yet: `CORRUPT_RECORD`. */
  read(id: RecordId): StoredRecord | undefined;
  /** Read-merge-write in one transaction, the Merkle leaf updated in it. Takes the place of a record that is corrupt. */
  write(id: RecordId, bytes: Uint8Array, options?: WriteOptions): Promise<WriteResult>;
  /** {@link Store.write} by callback, for the hot path: no promise is made. Always answers later, once. */
  submit(id: RecordId, bytes: Uint8Array, options: WriteOptions, done: WriteDone): void;

  /**
   * Stores a record anew, as it is in memory, where what the disk holds of it is corrupt. False: it is not in memory, and only others can help.
   * Durable when resolved.
   */
  restore(id: RecordId): Promise<boolean>;

  /** Who is told of foreign dots: the coordinator. Replaces the former listener. */
  onForeignDot(listener: (dot: ForeignDot) => void): void;
  /** Who is told of records that are found corrupt, each once until it is replaced. Replaces the former listener. */
  onCorrupt(listener: (fault: CorruptRecordError) => void): void;

  /** The stand-in record of the key. */
  readHint(id: RecordId): StoredRecord | undefined;
  /** The same, with everybody it is owed to. */
  hintOf(id: RecordId): StoredHint | undefined;
  /** Merges into the stand-in record and adds `owedTo` to its set. Past a target's bytes: `HINTS_FULL`. */
  writeHint(id: RecordId, bytes: Uint8Array, owedTo: readonly string[], options?: WriteOptions): Promise<WriteResult>;
  /** Targets that are owed something. Kept in memory, exact. */
  hintStats(): readonly HintStats[];
  /** Hints owed to one target, oldest key order, paged and bounded by bytes. */
  hints(target: string, after: Uint8Array | undefined, limits: { maxItems: number; maxBytes: number }): Page<Hint>;
  /**
   * The target has acknowledged exactly this digest; a hint that has changed since stays owed. Drops the record once nobody is owed.
   * Without a digest: the record is corrupt, and the target has what the other replicas hold.
   */
  hintDelivered(id: RecordId, target: string, digest: string | undefined): Promise<void>;

  /** Records of one partition (of one bucket, when given), in order, after the cursor; at most `maxItems` and `maxBytes`. */
  fold(
    query: { partition: number; bucket?: string; after?: Uint8Array; fromKey?: string },
    limits: { maxItems: number; maxBytes: number },
  ): Page<FoldedRecord>;
  /** Merkle leaf digests of a partition: XOR-combinable 64-bit hashes by leaf index. */
  leaves(partition: number, scope?: LeafScope): ReadonlyMap<number, string>;
  /** What the leaves of a partition sum up to (XOR). Kept with every write: asking costs nothing. */
  root(partition: number, scope?: LeafScope): string;
  /** Records by leaf; at most `maxItems` of at most `maxLookedAt` that are looked at. */
  digests(query: DigestQuery, limits: { maxItems: number; maxLookedAt: number }): DigestPage;

  /**
   * Forgets records of a partition, at most `maxItems`, in one transaction; corrupt ones too. Only if its root is the expected one: then what the
   * caller knows of all its records still holds. Stand-in records stay. Durable when resolved.
   */
  dropRecords(partition: number, expected: { readonly root: string }, maxItems: number): Promise<DroppedRecords>;

  /** Barrier of a partition, 0 at first: writes from before it are refused. It never goes back. */
  barrier(partition: number): number;
  /**
   * The barrier that messages about the partition carry when what is in them is read now; at least {@link Store.barrier}. It falls again when a
   * stand-in record comes in that carried a lower one.
   */
  label(partition: number): number;
  /** The highest barrier that this store ever adopted for the partition. */
  adoptedBarrier(partition: number): number;
  /**
   * From now on messages are to carry this barrier: nothing older leaves this store. Durable when resolved. Answers whether it is adopted: false for
   * one that was before (or is lower), unless it is the same collection. `STAND_INS_OWED` while there are stand-in records of the partition.
   */
  adoptBarrier(partition: number, barrier: number, isSame: boolean): Promise<boolean>;
  /** From now on writes from before this barrier are refused. Durable when resolved. `STAND_INS_OWED` as above. */
  raiseBarrier(partition: number, barrier: number): Promise<void>;
  /** Collects those records of a partition that are as the proof found them; answers how many. Durable when resolved. */
  collect(partition: number, records: readonly Collected[]): Promise<number>;

  /** Whether it may take the place of a store that is lost: it holds nothing, or has begun to do so ({@link Store.beginRefill}). */
  mayTakePlace(): boolean;
  /**
   * This store takes the place of one that is lost. From now on no partition is filled before {@link Store.noteFilled} says so, not even one that
   * the node comes to own much later. Durable when resolved. `STORE_NOT_EMPTY` when it {@link Store.mayTakePlace may not}.
   */
  beginRefill(): Promise<void>;
  /** What the other owners held of these partitions is here. Durable when resolved. */
  noteFilled(partitions: readonly number[]): Promise<void>;
  /** Whether what is not found in the partition is not there: true in any store but one that took the place of another. */
  isFilled(partition: number): boolean;

  /** Small durable values of other subsystems (membership history, run marker). Durable when resolved. */
  getMeta(key: string): Uint8Array | undefined;
  putMeta(key: string, value: Uint8Array | undefined): Promise<void>;
  /** All meta entries whose key starts with the prefix. */
  listMeta(prefix: string): ReadonlyMap<string, Uint8Array>;

  /**
   * Begins a copy of everything in the store that was acknowledged before the call, as it stays while writes go on. `STORE_FULL` when there is
   * no room to bring it on disk first.
   */
  copy(): Promise<StoreCopy>;

  /** Approximate counts for status pages. */
  stats(): StoreStats;
  /** Waits for pending writes, syncs, closes, releases the directory. */
  close(): Promise<void>;
}
