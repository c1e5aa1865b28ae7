/**
 * Where a node keeps its history. Entries are opaque, append-only, in order; `append` is all or nothing and durable when resolved.
 */
export interface HistoryLog {
  /** All entries, oldest first. */
  load(): Promise<readonly Uint8Array[]> | readonly Uint8Array[];
  append(entries: readonly Uint8Array[]): Promise<void>;
}

/** The part of a store that {@link historyLogOverMeta} needs; `Store` of `@ringfort/storage` has it. */
export interface MetaStore {
  getMeta(key: string): Uint8Array | undefined;
  putMeta(key: string, value: Uint8Array | undefined): Promise<void>;
  listMeta(prefix: string): ReadonlyMap<string, Uint8Array>;
}

const prefix = 'membership/history/';

/**
 * A history log over the small durable values of a store: one value per batch, under `membership/history/<number>`.
 * A batch is one value, so it is stored whole or not at all.
 */
export function historyLogOverMeta(store: MetaStore): HistoryLog {
  let next = 0;
  return {
    load() {
      const batches = [...store.listMeta(prefix)].sort(([a], [b]) => (a < b ? -1 : 1));
      next = batches.reduce((after, [key]) => Math.max(after, Number(key.slice(prefix.length)) + 1), 0);
      return batches.flatMap(([, batch]) => splitBatch(batch));
    },
    async append(entries) {
      const key = prefix + String(next).padStart(12, '0');
      next += 1;
      await store.putMeta(key, joinBatch(entries));
    },
  };
}

/** Entries are JSON, which has no raw line feed: one per line. */
function joinBatch(entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(entries.flatMap((entry, at) => (at === 0 ? [entry] : [lineFeed, entry])));
}

const lineFeed = new Uint8Array([10]);

function splitBatch(batch: Uint8Array): Uint8Array[] {
  return Buffer.from(batch)
    .toString('latin1')
    .split('\n')
    .map((line) => new Uint8Array(Buffer.from(line, 'latin1')));
}

/** A history log in memory, for tests and for nodes that need not survive a restart. Hand the same one over to restart a node. */
export function memoryHistoryLog(): HistoryLog & { readonly entries: readonly Uint8Array[] } {
  const entries: Uint8Array[] = [];
  return {
    entries,
    load: () => [...entries],
    async append(added) {
      entries.push(...added);
    },
  };
}
