import type { OwedRow } from './hint-codec.ts';
import type { HintLedger } from './hint-ledger.ts';
import { type ByteKey, leafKey, ownKey } from './keys-core.ts';
import type { LayeredTable } from './layered-table.ts';
import { encodeLeaf, type LeafPlace, type Leaves, leafShare } from './leaves.ts';
import type { Row, Value } from './memtable.ts';

export const countsKey = ownKey('counts');

export interface Counts {
  readonly records: number;
  readonly hintRecords: number;
}

interface LeafChange {
  readonly partition: number;
  readonly leaf: number;
  value: bigint;
}

interface OwedChange {
  readonly target: string;
  readonly before: OwedRow | undefined;
  readonly after: OwedRow | undefined;
}

/** What one batch is about to change. Later writes of the batch see earlier ones; nothing counts until {@link Stage.commit}. */
export class Stage {
  readonly #table: LayeredTable;
  readonly #leaves: Leaves;
  readonly #ledger: HintLedger;
  readonly #rows = new Map<ByteKey, Value>();
  readonly #leafChanges = new Map<ByteKey, LeafChange>();
  readonly #owedChanges: OwedChange[] = [];
  readonly #owedBytes = new Map<string, number>();
  #counts: Counts;

  constructor(table: LayeredTable, leaves: Leaves, ledger: HintLedger, counts: Counts) {
    this.#table = table;
    this.#leaves = leaves;
    this.#ledger = ledger;
    this.#counts = counts;
  }

  get(key: ByteKey): Uint8Array | undefined {
    const staged = this.#rows.get(key);
    return staged === undefined ? this.#table.get(key) : (staged ?? undefined);
  }

  set(key: ByteKey, value: Value): void {
    this.#rows.set(key, value);
  }

  /** A primary record changed from one digest to another; undefined: it was not there. */
  moveLeaf(partition: number, { leaf, keyBytes }: LeafPlace, before: bigint | undefined, after: bigint): void {
    const key = leafKey(partition, leaf);
    let change = this.#leafChanges.get(key);
    if (change === undefined) {
      change = { partition, leaf, value: this.#leaves.get(partition, leaf) };
      this.#leafChanges.set(key, change);
    }
    change.value ^= leafShare(keyBytes, after);
    if (before !== undefined) change.value ^= leafShare(keyBytes, before);
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
    if (this.#rows.size === 0) return this.#counts;
    const rows: Row[] = [...this.#rows];
    for (const [key, { value }] of this.#leafChanges) rows.push([key, encodeLeaf(value)]);
    rows.push([countsKey, encodeCounts(this.#counts)]);
    this.#table.commit(rows);
    for (const { partition, leaf, value } of this.#leafChanges.values()) this.#leaves.set(partition, leaf, value);
    for (const { target, before, after } of this.#owedChanges) this.#ledger.record(target, before, after);
    return this.#counts;
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
