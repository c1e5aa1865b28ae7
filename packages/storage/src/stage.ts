import type { BucketLeaves } from './bucket-leaves.ts';
import type { CorruptRecords } from './corrupt-records.ts';
import { type Hash64, sameHash } from './hash.ts';
import type { OwedRow } from './hint-codec.ts';
import type { HintLedger } from './hint-ledger.ts';
import { type ByteKey, ownKey } from './keys-core.ts';
import type { LayeredTable } from './layered-table.ts';
import { leafChange, leafShare } from './leaves.ts';
import { lostShare } from './lost-share.ts';
import type { Value } from './memtable.ts';
import type { RecordId } from './port.ts';
import type { Entry, RecordCache } from './record-cache.ts';
import type { RecordView } from './record-codec.ts';

export const countsKey = ownKey('counts');

export interface Counts {
  readonly records: number;
  readonly hintRecords: number;
}

interface OwedChange {
  readonly target: string;
  readonly before: OwedRow | undefined;
  readonly after: OwedRow | undefined;
}

export interface StageParts {
  readonly table: LayeredTable;
  readonly records: RecordCache;
  readonly ledger: HintLedger;
  readonly corrupt: CorruptRecords;
  readonly buckets: BucketLeaves;
}

/**
 * What one batch is about to change. Later writes of the batch see earlier ones; nothing counts until {@link Stage.commit}, and nobody looks
 * in between: leaves are changed at once, and changed back when the batch fails. Primary records are laid out in the journal's frame as they
 * come, the other rows at the end.
 */
export class Stage {
  readonly #parts: StageParts;
  readonly #entries: Entry[] = [];
  readonly #rows = new Map<ByteKey, Value>();
  readonly #owedChanges: OwedChange[] = [];
  readonly #owedBytes = new Map<string, number>();
  /** What the leaves counted of corrupt records that are replaced. */
  readonly #lost: { readonly entry: Entry; readonly share: Hash64 }[] = [];
  readonly #countsBefore: Counts;
  #counts: Counts;

  constructor(parts: StageParts, counts: Counts) {
    this.#parts = parts;
    this.#countsBefore = counts;
    this.#counts = counts;
    parts.table.frame.clear();
  }

  get(key: ByteKey): Uint8Array | undefined {
    const staged = this.#rows.get(key);
    return staged === undefined ? this.#parts.table.get(key) : (staged ?? undefined);
  }

  set(key: ByteKey, value: Value): void {
    this.#rows.set(key, value);
  }

  /** Whether this batch stores a row whose key begins so. */
  sets(prefix: ByteKey): boolean {
    for (const [key, value] of this.#rows) if (value !== null && key.startsWith(prefix)) return true;
    return false;
  }

  /** The entry of a primary record. */
  record(id: RecordId): Entry {
    return this.#parts.records.of(id);
  }

  /** A primary record, and its leaf. */
  setRecord(entry: Entry, after: RecordView): void {
    const { leaves, frame } = this.#parts.table;
    const { partition, bucket } = entry.id;
    const before = entry.held;
    const { leaf, keyHash } = entry.place;
    let change = noChange;
    if (before === undefined || !sameHash(before, after)) {
      change = leafChange(keyHash, before, after);
      const isLost = before === undefined && isUnread(entry);
      this.#parts.buckets.changed(partition, bucket, leaf, change, isLost);
      if (isLost) change = both(change, this.#replaced(entry));
      leaves.of(partition).xor(leaf, change);
    }
    frame.record(entry.key, after.stored, change);
    if (before === undefined && !isUnread(entry)) this.count({ records: 1 });
    this.#take(entry);
    entry.staged = after;
  }

  /** A primary record is forgotten, and its leaf counts it no more. */
  dropRecord(entry: Entry): void {
    const { leaves, frame } = this.#parts.table;
    const { partition, bucket } = entry.id;
    const { leaf, keyHash } = entry.place;
    const { held } = entry;
    const isLost = held === undefined && isUnread(entry);
    if (held === undefined && !isLost) return;
    const change = held === undefined ? this.#replaced(entry) : leafShare(keyHash, held);
    this.#parts.buckets.changed(partition, bucket, leaf, change, isLost);
    leaves.of(partition).xor(leaf, change);
    frame.record(entry.key, null, change);
    this.count({ records: -1 });
    this.#take(entry);
    entry.staged = undefined;
    entry.isDropped = true;
  }

  #take(entry: Entry): void {
    if (entry.staged === undefined && !entry.isDropped) this.#entries.push(entry);
  }

  /** A corrupt record goes, and with it what its leaf counts of it. */
  #replaced(entry: Entry): Hash64 {
    const share = lostShare(this.#parts.table, entry, this.#entries);
    this.#lost.push({ entry, share });
    this.#parts.corrupt.replaced(entry.key);
    return share;
  }

  get corrupt(): CorruptRecords {
    return this.#parts.corrupt;
  }

  /** Who is owed anything at all. */
  targets(): Set<string> {
    return new Set([...this.#parts.ledger.targets(), ...this.#owedBytes.keys()]);
  }

  /** Bytes owed to a target once this batch counts. */
  owedBytes(target: string): number {
    return this.#parts.ledger.bytesOwed(target) + (this.#owedBytes.get(target) ?? 0);
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
    const { table, records, ledger } = this.#parts;
    if (this.#counts !== this.#countsBefore) this.#rows.set(countsKey, encodeCounts(this.#counts));
    for (const [key, value] of this.#rows) table.frame.row(key, value);
    if (table.frame.isEmpty) return this.#counts;
    try {
      table.commit();
    } catch (error) {
      this.#undo();
      throw error;
    }
    for (const [key, value] of this.#rows) table.show(key, value);
    for (const entry of this.#entries) records.show(entry);
    for (const { target, before, after } of this.#owedChanges) ledger.record(target, before, after);
    records.trim();
    return this.#counts;
  }

  /** Shares of what lay between what counts and what was staged last have cancelled each other. */
  #undo(): void {
    for (const entry of this.#entries) {
      const { leaf, keyHash } = entry.place;
      const { partition, bucket } = entry.id;
      const change = both(shareOf(keyHash, entry.current), shareOf(keyHash, entry.staged));
      this.#parts.buckets.changed(partition, bucket, leaf, change, entry.fault !== undefined);
      this.#parts.table.leaves.of(partition).xor(leaf, change);
      entry.staged = undefined;
      entry.isDropped = false;
    }
    for (const { entry, share } of this.#lost)
      this.#parts.table.leaves.of(entry.id.partition).xor(entry.place.leaf, share);
  }
}

/** Whether something is stored under the id that cannot be read, and the batch has not replaced it yet. */
const isUnread = ({ fault, isDropped }: Entry): boolean => fault !== undefined && !isDropped;

const shareOf = (keyHash: Hash64, record: RecordView | undefined): Hash64 =>
  record === undefined ? noChange : leafShare(keyHash, record);

const both = (a: Hash64, b: Hash64): Hash64 => ({ high: a.high ^ b.high, low: a.low ^ b.low });

const noChange: Hash64 = { high: 0, low: 0 };

export function encodeCounts({ records, hintRecords }: Counts): Uint8Array {
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
