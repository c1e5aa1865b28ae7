import { type Hash64, sameHash } from './hash.ts';
import type { OwedRow } from './hint-codec.ts';
import type { HintLedger } from './hint-ledger.ts';
import { type ByteKey, leafKey, ownKey } from './keys-core.ts';
import type { LayeredTable } from './layered-table.ts';
import { type Leaves, leafShare } from './leaves.ts';
import type { Row, Value } from './memtable.ts';
import type { RecordId } from './port.ts';
import type { Entry, RecordCache } from './record-cache.ts';
import type { RecordView } from './record-codec.ts';

export const countsKey = ownKey('counts');

export interface Counts {
  readonly records: number;
  readonly hintRecords: number;
}

/** What was added to a leaf. */
interface LeafChange {
  readonly partition: number;
  readonly leaf: number;
  readonly share: Hash64;
}

interface OwedChange {
  readonly target: string;
  readonly before: OwedRow | undefined;
  readonly after: OwedRow | undefined;
}

export interface StageParts {
  readonly table: LayeredTable;
  readonly records: RecordCache;
  readonly leaves: Leaves;
  readonly ledger: HintLedger;
}

/**
 * What one batch is about to change. Later writes of the batch see earlier ones; nothing counts until {@link Stage.commit}, and nobody looks
 * in between: leaves are changed at once, and changed back when the batch fails.
 */
export class Stage {
  readonly #table: LayeredTable;
  readonly #records: RecordCache;
  readonly #leaves: Leaves;
  readonly #ledger: HintLedger;
  readonly #entries: Entry[] = [];
  readonly #rows = new Map<ByteKey, Value>();
  readonly #leafChanges: LeafChange[] = [];
  readonly #owedChanges: OwedChange[] = [];
  readonly #owedBytes = new Map<string, number>();
  readonly #countsBefore: Counts;
  #counts: Counts;

  constructor({ table, records, leaves, ledger }: StageParts, counts: Counts) {
    this.#table = table;
    this.#records = records;
    this.#leaves = leaves;
    this.#ledger = ledger;
    this.#countsBefore = counts;
    this.#counts = counts;
  }

  get(key: ByteKey): Uint8Array | undefined {
    const staged = this.#rows.get(key);
    return staged === undefined ? this.#table.get(key) : (staged ?? undefined);
  }

  set(key: ByteKey, value: Value): void {
    this.#rows.set(key, value);
  }

  /** The entry of a primary record. */
  record(id: RecordId): Entry {
    return this.#records.of(id);
  }

  /** A primary record, and its leaf. */
  setRecord(entry: Entry, after: RecordView): void {
    const before = entry.staged ?? entry.current;
    if (before === undefined || !sameHash(before.hash, after.hash)) {
      if (before !== undefined) this.#addToLeaf(entry, before.hash);
      this.#addToLeaf(entry, after.hash);
    }
    if (before === undefined) this.count({ records: 1 });
    if (entry.staged === undefined) this.#entries.push(entry);
    entry.staged = after;
  }

  #addToLeaf({ id, place }: Entry, digest: Hash64): void {
    const change = { partition: id.partition, leaf: place.leaf, share: leafShare(place.keyHash, digest) };
    this.#leaves.xor(change.partition, change.leaf, change.share);
    this.#leafChanges.push(change);
  }

  /** Bytes owed to a target once this batch counts. */
  owedBytes(target: string): number {
    return this.#ledger.bytesOwed(target) + (this.#owedBytes.get(target) ?? 0);
  }

  moveOwed(target: string, before: OwedRow | undefined, after: OwedRow | undefined): void {
    this.#owedChanges.push({ target, before, after });
    const delta = (after?.bytes ?? 0) - (before?.bytes ?? 0);
    this.#owedBytes.set(target, (this.#owedBytes.get(target) ?? 0) + delta);
  }

  count(change: Partial<Counts>): void {
    this.#counts = {
      records: this.#counts.records + (change.records ?? 0),
      hintRecords: this.#counts.hintRecords + (change.hintRecords ?? 0),
    };
  }

  /** Journals and shows all of it, or throws and has changed nothing. Answers the counts as they are now. */
  commit(): Counts {
    const rows = this.#rowsToCommit();
    if (rows.length === 0) return this.#counts;
    try {
      this.#table.commit(rows);
    } catch (error) {
      this.#undo();
      throw error;
    }
    for (const entry of this.#entries) this.#records.show(entry);
    for (const { target, before, after } of this.#owedChanges) this.#ledger.record(target, before, after);
    this.#records.trim();
    return this.#counts;
  }

  #rowsToCommit(): Row[] {
    const rows: Row[] = [];
    for (const entry of this.#entries) rows.push([entry.key, entry.staged!.stored]);
    for (const row of this.#rows) rows.push(row);
    let last: LeafChange | undefined;
    for (const change of this.#leafChanges) {
      const { partition, leaf } = change;
      // The two changes of an overwrite are one row; the same leaf changed again later is another, of the same value.
      if (last?.leaf !== leaf || last.partition !== partition)
        rows.push([leafKey(partition, leaf), this.#leaves.row(partition, leaf)]);
      last = change;
    }
    if (this.#counts !== this.#countsBefore) rows.push([countsKey, encodeCounts(this.#counts)]);
    return rows;
  }

  #undo(): void {
    for (const entry of this.#entries) entry.staged = undefined;
    for (const { partition, leaf, share } of this.#leafChanges) this.#leaves.xor(partition, leaf, share);
  }
}

function encodeCounts({ records, hintRecords }: Counts): Uint8Array {
  const out = Buffer.allocUnsafe(16);
  out.writeDoubleLE(records, 0);
  out.writeDoubleLE(hintRecords, 8);
  return out;
}

export function decodeCounts(bytes: Uint8Array | undefined): Counts {
  if (bytes === undefined) return { records: 0, hintRecords: 0 };
  const view = Buffer.from(bytes);
  return { records: view.readDoubleLE(0), hintRecords: view.readDoubleLE(8) };
}
