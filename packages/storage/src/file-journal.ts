import { close, fdatasync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StoreFullError, StoreSyncFailedError, StoreUnwritableError } from './errors.ts';
import { type FlushDone, type Journal, SharedFlush } from './journal.ts';
import { type JournalScan, scanFrames } from './journal-codec.ts';

const closeFile = promisify(close);

interface JournalFile {
  readonly fd: number;
  /** Bytes of this round: where the next frame goes. */
  at: number;
  /** How many of them are known to be on disk. */
  syncedAt: number;
  /** Its length. */
  size: number;
}

/** A file grows by so much at a time, in zeros: a flush after it grew costs a third more, and there are hundreds of flushes a second. */
const growth = Buffer.alloc(1024 * 1024);

/**
 * The journal of a store on disk: two files, written in turns, each overwritten from its start once the table below holds what it held, so
 * that a flush moves data only and hardly ever file metadata. Appending is a copy into the page cache; flushes run on a thread of their own.
 */
export class FileJournal implements Journal {
  readonly #directory: string;
  readonly #files: readonly [JournalFile, JournalFile];
  #current = 0;
  #failure: StoreSyncFailedError | undefined;
  readonly #flush = new SharedFlush((done) => this.#syncOlder(done));

  constructor(directory: string) {
    this.#directory = directory;
    const [one, other] = journalPaths(directory);
    this.#files = [openFile(one), openFile(other)];
    syncDirectory(directory);
  }

  get durable(): boolean {
    const [one, other] = this.#files;
    return this.#failure === undefined && one.syncedAt === one.at && other.syncedAt === other.at;
  }

  get bytes(): number {
    return this.#files[this.#current]!.at;
  }

  append(frame: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    const file = this.#files[this.#current]!;
    try {
      while (file.at + frame.length > file.size) {
        writeAll(file.fd, growth, file.size);
        file.size += growth.length;
      }
      writeAll(file.fd, frame, file.at);
    } catch (cause) {
      if (isFull(cause)) throw new StoreFullError(this.#directory, { cause });
      throw new StoreUnwritableError(this.#directory, String((cause as Error).message), { cause });
    }
    file.at += frame.length;
  }

  flush(done: FlushDone): void {
    this.#flush.run(done);
  }

  rotate(): void {
    this.#current = 1 - this.#current;
    const file = this.#files[this.#current]!;
    file.at = 0;
    file.syncedAt = 0;
  }

  async close(): Promise<void> {
    for (const file of this.#files) await closeFile(file.fd);
  }

  /** The file that was left first: what the newer one holds counts only behind it. */
  #syncOlder(done: FlushDone): void {
    const newer = this.#files[this.#current]!;
    this.#syncFile(this.#files[1 - this.#current]!, (error) => {
      if (error === undefined) this.#syncFile(newer, done);
      else done(error);
    });
  }

  #syncFile(file: JournalFile, done: FlushDone): void {
    const upTo = file.at;
    if (this.#failure !== undefined || file.syncedAt === upTo) {
      done(this.#failure);
      return;
    }
    fdatasync(file.fd, (cause) => {
      // What a failed flush left on disk is not known, and a second one may succeed wrongly: nothing more is acknowledged.
      if (cause !== null) this.#failure = new StoreSyncFailedError(this.#directory, { cause });
      else if (file.at >= upTo && file.syncedAt < upTo) file.syncedAt = upTo;
      done(this.#failure);
    });
  }
}

const journalPaths = (directory: string) => [join(directory, 'journal-0'), join(directory, 'journal-1')] as const;

/** What both files hold above a number. */
export function readJournal(directory: string, above: number): JournalScan[] {
  return journalPaths(directory).map((path) => {
    try {
      return scanFrames(readFileSync(path), above);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return scanFrames(new Uint8Array(0), above);
      throw error;
    }
  });
}

function openFile(path: string): JournalFile {
  const fd = openOrMake(path);
  return { fd, at: 0, syncedAt: 0, size: fstatSync(fd).size };
}

function openOrMake(path: string): number {
  try {
    return openSync(path, 'r+', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return openSync(path, 'w+', 0o600);
  }
}

function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  fsyncSync(fd);
  closeFile(fd).catch(() => undefined); // read-only: nothing can be lost
}

const isFull = (error: unknown) => ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '');
