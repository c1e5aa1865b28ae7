import { statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { open, type RootDatabase, type Transaction } from 'lmdb';
import type { Base } from './base.ts';
import { checkDataFile } from './data-file.ts';
import { StoreCorruptError, StoreFullError, StoreUnwritableError } from './errors.ts';
import { type ByteKey, bytesOfKey, keyOfBytes, nextKey } from './keys-core.ts';
import type { Row } from './memtable.ts';
import type { TableSnapshot } from './store-copy.ts';

/** Rows per LMDB transaction: bounds how long the event loop is busy with handing them over. */
const rowsPerTransaction = 512;
const keysPerChunk = 256;
const rowsPerChunk = 32;
const EIO = 5;
/** With less room left, it is the room that a failed write lacked. */
const leastRoomBytes = 16 * 1024 * 1024;
const ignore = () => undefined;

export interface LmdbBaseOptions {
  readonly directory: string;
  readonly mapBytes: number;
  readonly maxBytes: number;
}

/**
 * LMDB, as the base of a store. Every commit is synced before it counts (neither `noSync` nor `overlappingSync`), on LMDB's own thread: so
 * the file is whole after a power cut at any moment.
 */
export class LmdbBase implements Base {
  readonly #db: RootDatabase<Uint8Array, Uint8Array>;
  readonly #options: LmdbBaseOptions;
  readonly #path: string;

  constructor(options: LmdbBaseOptions) {
    this.#options = options;
    this.#path = join(options.directory, 'data.mdb');
    checkDataFile(options.directory, this.#path);
    this.#db = open({
      path: this.#path,
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
      mapSize: options.mapBytes,
      maxDbs: 1,
      maxReaders: 16,
    });
  }

  /** @throws STORE_CORRUPT */
  get(key: ByteKey): Uint8Array | undefined {
    try {
      return this.#db.getBinary(bytesOfKey(key));
    } catch (cause) {
      throw new StoreCorruptError(this.#options.directory, { cause });
    }
  }

  *range(start: ByteKey, end: ByteKey): Generator<readonly [ByteKey, Uint8Array]> {
    let from = start;
    for (;;) {
      const keys = this.#keys(from, end);
      for (const bytes of keys) {
        const key = keyOfBytes(bytes);
        const value = this.get(key);
        if (value !== undefined) yield [key, value];
        from = nextKey(key);
      }
      if (keys.length < keysPerChunk) return;
    }
  }

  #keys(start: ByteKey, end: ByteKey): Uint8Array[] {
    try {
      return [...this.#db.getKeys({ start: bytesOfKey(start), end: bytesOfKey(end), limit: keysPerChunk })];
    } catch (cause) {
      throw new StoreCorruptError(this.#options.directory, { cause });
    }
  }

  async apply(rows: Iterable<Row>, bytes: number, last: readonly Row[]): Promise<void> {
    if (this.bytesOnDisk() + bytes > this.#options.maxBytes) throw new StoreFullError(this.#options.directory);
    let part: Row[] = [];
    for (const row of rows) {
      part.push(row);
      if (part.length < rowsPerTransaction) continue;
      await this.#commit(part);
      await nextTurn();
      part = [];
    }
    if (part.length > 0) await this.#commit(part);
    await this.#commit(last);
    this.#db.resetReadTxn();
  }

  async #commit(rows: readonly Row[]): Promise<void> {
    const done = new Set<Promise<unknown>>();
    for (const [key, value] of rows) {
      const bytes = bytesOfKey(key);
      done.add(value === null ? this.#db.remove(bytes) : this.#db.put(bytes, value));
    }
    // By then lmdb-js has begun the batch, whose own promise it hands to nobody: rejected and unhandled, it would end the process.
    setImmediate(() => this.#db.committed.then(ignore, ignore));
    try {
      await Promise.all(done);
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  /** lmdb-js rejects with a general error whose `commitError` promise rejects with the reason. */
  async #explain(error: unknown): Promise<Error> {
    const { commitError } = error as { commitError?: Promise<unknown> };
    const cause = (await commitError?.then(
      () => error,
      (reason: unknown) => reason,
    )) as (Error & { code?: number | string }) | undefined;
    const { directory } = this.#options;
    // A write that found room for its first half only is an input/output error to LMDB.
    const { bavail, bsize } = statfsSync(directory);
    if (cause?.code === EIO && bavail * bsize < leastRoomBytes) return new StoreFullError(directory, { cause });
    if (/ENOSPC|No space left|MDB_MAP_FULL|Disk quota|EFBIG|File too large/i.test(`${cause?.code} ${cause?.message}`))
      return new StoreFullError(directory, { cause: cause ?? error });
    return new StoreUnwritableError(directory, cause?.message ?? String(error), { cause: cause ?? error });
  }

  /** A read transaction, held open: LMDB leaves alone what it may still read, and writes go on. */
  snapshot(): TableSnapshot {
    this.#db.resetReadTxn();
    const transaction = this.#db.useReadTransaction();
    let open = true;
    return {
      rows: () => this.#rowsOf(transaction),
      close: () => {
        if (open) transaction.done();
        open = false;
      },
    };
  }

  *#rowsOf(transaction: Transaction): Generator<readonly [ByteKey, Uint8Array]> {
    for (let from: ByteKey = '\x00'; ; ) {
      const rows = this.#rowsFrom(from, transaction);
      yield* rows;
      if (rows.length < rowsPerChunk) return;
      from = nextKey(rows.at(-1)![0]);
    }
  }

  #rowsFrom(from: ByteKey, transaction: Transaction): (readonly [ByteKey, Uint8Array])[] {
    try {
      const keys = [...this.#db.getKeys({ start: bytesOfKey(from), limit: rowsPerChunk, transaction })];
      return keys.map((key) => [keyOfBytes(key), this.#db.get(key, { transaction })!]);
    } catch (cause) {
      throw new StoreCorruptError(this.#options.directory, { cause });
    }
  }

  bytesOnDisk(): number {
    return statSync(this.#path).blocks * 512;
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}
