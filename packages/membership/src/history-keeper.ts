import { type MembershipRecord, recordHash } from '@ringfort/ring';
import { HistoryBusyError, HistoryFullError, HistoryNotPersistedError } from './errors.ts';
import {
  decodeRecord,
  defaultLimits,
  emptyHistory,
  encodeRecord,
  type History,
  type HistoryLimits,
  hasRoomToAuthor,
  type Merge,
  mergeRecords,
} from './history-core.ts';
import type { HistoryLog } from './history-log.ts';
import type { Logger } from './logger.ts';

export interface HistoryKeeperOptions {
  readonly log: HistoryLog;
  readonly limits?: HistoryLimits | undefined;
  readonly logger: Logger;
  readonly onChange: (history: History) => void;
}

/** Hashes of refused records that are remembered, so as not to ask for them again. */
const maxRefused = 4096;
/** Batches that may wait for the log. */
const maxWaiting = 256;

/**
 * Holds the history and its log together: records are appended to the log first, and count (are seen in {@link HistoryKeeper.history},
 * and so told to anyone) only once the log has them. One batch at a time.
 */
export class HistoryKeeper {
  readonly #options: HistoryKeeperOptions;
  readonly #refused = new Set<string>();
  #history: History;
  #waiting = 0;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(options: HistoryKeeperOptions, history: History) {
    this.#options = options;
    this.#history = history;
  }

  /** Reads the log. @throws HistoryCorruptError */
  static async open(options: HistoryKeeperOptions): Promise<HistoryKeeper> {
    const entries = await options.log.load();
    const unbounded = { ...defaultLimits, maxMergedRecords: Infinity, maxMergedBytes: Infinity };
    const merge = mergeRecords(emptyHistory, entries.map(decodeRecord), unbounded);
    const keeper = new HistoryKeeper(options, merge.history);
    keeper.#noteRefused(merge, 'log');
    return keeper;
  }

  get history(): History {
    return this.#history;
  }

  /** Hashes of records that this history has refused. */
  get refused(): ReadonlySet<string> {
    return this.#refused;
  }

  /**
   * Merges what a peer sent. A batch with a founding that contradicts the known one comes from another cluster: nothing of it is taken.
   * @returns how many records were new. @throws HistoryNotPersistedError, HistoryBusyError
   */
  merge(records: readonly MembershipRecord[], from: string): Promise<number> {
    return this.#inTurn(async () => {
      const merge = mergeRecords(this.#history, records, this.#options.limits);
      this.#noteRefused(merge, from);
      if (this.#history.founding !== undefined && merge.rejected.some(isForeign)) return 0;
      await this.#commit(merge);
      return merge.added.length;
    });
  }

  /**
   * Writes a record on top of the history as it is when its turn comes; `make` may decide then that there is nothing to write, or throw.
   * @throws HistoryFullError, HistoryNotPersistedError, HistoryBusyError
   */
  async author(make: (history: History) => MembershipRecord | undefined): Promise<MembershipRecord | undefined> {
    const [record] = await this.authorAll((history) => [make(history)].filter((one) => one !== undefined));
    return record;
  }

  /** The same for several records at once: all of them count, or none. */
  authorAll(make: (history: History) => readonly MembershipRecord[]): Promise<readonly MembershipRecord[]> {
    return this.#inTurn(async () => {
      const records = make(this.#history);
      if (records.length === 0) return records;
      const limits = this.#options.limits ?? defaultLimits;
      if (!hasRoomToAuthor(this.#history, limits)) throw fullError(this.#history, limits);
      await this.#commit(mergeRecords(this.#history, records, limits));
      return records;
    });
  }

  /** Resolves once everything handed in before has been settled. */
  async drained(): Promise<void> {
    await this.#tail;
  }

  async #commit(merge: Merge): Promise<void> {
    if (merge.added.length === 0) return;
    try {
      await this.#options.log.append(merge.added.map(encodeRecord));
    } catch (cause) {
      const error = new HistoryNotPersistedError({ records: merge.added.length }, cause);
      this.#options.logger({
        level: 'error',
        code: error.code,
        message: error.message,
        details: { cause: String(cause) },
      });
      throw error;
    }
    this.#history = merge.history;
    this.#options.onChange(merge.history);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= maxWaiting) return Promise.reject(new HistoryBusyError({ waiting: this.#waiting }));
    this.#waiting += 1;
    const result = this.#tail.then(work).finally(() => (this.#waiting -= 1));
    // The next in turn waits for the end of this one, however it ends; its outcome goes to its own caller.
    this.#tail = result.then(noop, noop);
    return result;
  }

  #noteRefused(merge: Merge, from: string): void {
    for (const { hash, record, reason } of merge.rejected) this.#refuse(hash, record, reason, from);
    for (const record of merge.dropped) this.#refuse(recordHash(record), record, 'FOUNDERS_DIFFER', from);
  }

  #refuse(hash: string, record: MembershipRecord, reason: string, from: string): void {
    if (this.#refused.has(hash)) return;
    this.#refused.add(hash);
    const oldest = this.#refused.values().next().value;
    if (this.#refused.size > maxRefused && oldest !== undefined) this.#refused.delete(oldest);
    const message = `a membership record by ${record.author} was not accepted: ${refusals[reason] ?? reason}`;
    this.#options.logger({ level: 'warn', code: reason, message, details: { from, hash, record } });
  }
}

const refusals: Record<string, string> = {
  FOUNDERS_DIFFER: 'its list of founders differs from that of the cluster; start every founder with the same seeds',
  STORE_DIFFERS: 'the cluster knows that founder with another store; its data directory was wiped or exchanged',
  MALFORMED_FOUNDING:
    'a founding record must be written by the node that it names, with the sorted list of all founders',
  LAMPORT_TOO_HIGH: 'its Lamport time leaves no room for later records',
  HISTORY_FULL: 'the history is full',
};

function isForeign(rejected: { readonly reason: string }): boolean {
  return rejected.reason === 'FOUNDERS_DIFFER' || rejected.reason === 'STORE_DIFFERS';
}

function fullError(history: History, { maxRecords, maxBytes }: HistoryLimits): HistoryFullError {
  return new HistoryFullError({ records: history.records.size, bytes: history.bytes, maxRecords, maxBytes });
}

function noop(): void {}
