import { close, fdatasync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StoreFullError, StoreSyncFailedError, StoreUnwritableError } from './errors.ts';
import { type Journal, SharedFlush } from './journal.ts';
import { decodeFrames, type Frame } from './journal-codec.ts';

const datasync = promisify(fdatasync);
const closeFile = promisify(close);

interface JournalFile {
  readonly fd: number;
  /** Bytes of this round: where the next frame goes. */
  at: number;
  /** How many of them are known to be on disk. */
  syncedAt: number;
}

/**
 * The journal of a store on disk: two files, written in turns, each overwritten from its start once the table below holds what it held, so
 * that a flush moves data only and no file metadata. Appending is a copy into the page cache; flushes run on a thread of their own.
 */
export class FileJournal implements Journal {
  readonly #directory: string;
  readonly #files: readonly [JournalFile, JournalFile];
  #current = 0;
  #failure: StoreSyncFailedError | undefined;
  readonly #flush = new SharedFlush(() => this.#syncFiles());

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
      for (let done = 0; done < frame.length; )
        done += writeSync(file.fd, frame, done, frame.length - done, file.at + done);
    } catch (cause) {
      if (isFull(cause)) throw new StoreFullError(this.#directory, { cause });
      throw new StoreUnwritableError(this.#directory, String((cause as Error).message), { cause });
    }
    file.at += frame.length;
  }

  sync(): Promise<void> {
    if (this.durable) return Promise.resolve();
    return this.#flush.run();
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
  async #syncFiles(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    for (const file of [this.#files[1 - this.#current]!, this.#files[this.#current]!]) {
      const upTo = file.at;
      if (file.syncedAt === upTo) continue;
      try {
        await datasync(file.fd);
      } catch (cause) {
        // What a failed flush left on disk is not known, and a second one may succeed wrongly: nothing more is acknowledged.
        this.#failure = new StoreSyncFailedError(this.#directory, { cause });
        throw this.#failure;
      }
      if (file.at >= upTo && file.syncedAt < upTo) file.syncedAt = upTo;
    }
  }
}

const journalPaths = (directory: string) => [join(directory, 'journal-0'), join(directory, 'journal-1')] as const;

/** The frames of both files, each up to its first break. */
export function readJournal(directory: string): Frame[][] {
  return journalPaths(directory).map((path) => {
    try {
      return decodeFrames(readFileSync(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}

function openFile(path: string): JournalFile {
  return { fd: openOrMake(path), at: 0, syncedAt: 0 };
}

function openOrMake(path: string): number {
  try {
    return openSync(path, 'r+', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return openSync(path, 'w+', 0o600);
  }
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  fsyncSync(fd);
  closeFile(fd).catch(() => undefined); // read-only: nothing can be lost
}

const isFull = (error: unknown) => ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '');
