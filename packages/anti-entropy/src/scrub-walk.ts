import type { RecordId, Store } from '@ringfort/storage';

/** What a look at a part of a store came to. */
export interface Scanned {
  readonly records: number;
  readonly bytes: number;
  /** Records that cannot be read. */
  readonly corrupt: readonly RecordId[];
  /** Stand-in records that cannot be read: their targets get what the replicas hold, when they are handed over. */
  readonly corruptHints: number;
  /** How many partitions have been looked at by now. */
  readonly done: number;
  readonly isOver: boolean;
}

const PAGE = { maxItems: 256, maxBytes: 256 * 1024 };
/** Of a partition that holds nothing: other work has its turn after so many. */
const EMPTY_PER_TURN = 64;

/**
 * A walk through all that a store holds as it lies there, not as it is in memory: every partition from a given one on and round the end, then the
 * stand-in records.
 */
export class ScrubWalk {
  readonly #store: Store;
  readonly #partitions: number;
  readonly #first: number;
  #done = 0;
  #after: Uint8Array | undefined;
  #targets: string[] | undefined;

  constructor(store: Store, partitions: number, first: number) {
    this.#store = store;
    this.#partitions = partitions;
    this.#first = first;
  }

  next(): Scanned {
    for (let turn = 1; this.#done < this.#partitions; turn++) {
      const found = this.#page((this.#first + this.#done) % this.#partitions);
      if (found.records > 0 || turn === EMPTY_PER_TURN) return found;
    }
    return this.#hints();
  }

  #page(partition: number): Scanned {
    const { items, next } = this.#store.fold({ partition, ...(this.#after && { after: this.#after }) }, PAGE);
    this.#after = next;
    if (next === undefined) this.#done += 1;
    const corrupt = items.flatMap(({ id, record }) => (record === undefined ? [id] : []));
    const bytes = items.reduce((sum, { record }) => sum + (record?.bytes.length ?? 0), 0);
    return { records: items.length, bytes, corrupt, corruptHints: 0, done: this.#done, isOver: false };
  }

  #hints(): Scanned {
    this.#targets ??= this.#store.hintStats().map(({ target }) => target);
    const [target] = this.#targets;
    if (target === undefined)
      return { records: 0, bytes: 0, corrupt: [], corruptHints: 0, done: this.#done, isOver: true };
    const { items, next } = this.#store.hints(target, this.#after, PAGE);
    this.#after = next;
    if (next === undefined) this.#targets.shift();
    const corruptHints = items.filter(({ bytes }) => bytes === undefined).length;
    const bytes = items.reduce((sum, item) => sum + (item.bytes?.length ?? 0), 0);
    return { records: items.length, bytes, corrupt: [], corruptHints, done: this.#done, isOver: false };
  }
}
