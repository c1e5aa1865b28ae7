import { type ByteKey, groupOf, isPrimaryKey } from './keys-core.ts';

/** A value, or null: the key is deleted here whatever lies below. */
export type Value = Uint8Array | null;
export type Row = readonly [ByteKey, Value];

/** A primary record's row, whose value is made when it is taken in. */
export type LateRow = readonly [ByteKey, { readonly stored: Uint8Array }];

interface Group {
  readonly rows: Map<ByteKey, Value>;
  sorted: ByteKey[] | undefined;
}

/** The newest rows, in memory, over what lies below them; in order within a group of keys. */
export class Memtable {
  readonly #groups = new Map<number, Group>();
  #late: LateRow[] = [];
  #bytes = 0;
  #size = 0;

  /** Approximate bytes held, keys included. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#size;
  }

  /** Rows that count at once, but are taken in when somebody looks, or by {@link takeIn}. */
  addLate(rows: LateRow[]): void {
    this.takeIn(Number.POSITIVE_INFINITY);
    this.#late = rows;
  }

  /** Takes in so many late rows. Answers whether some are left. */
  takeIn(most: number): boolean {
    for (let left = Math.min(most, this.#late.length); left > 0; left--) {
      const [key, { stored }] = this.#late.pop()!;
      this.set(key, stored);
    }
    return this.#late.length > 0;
  }

  /** Undefined: nothing is known here of the key. */
  get(key: ByteKey): Value | undefined {
    if (isPrimaryKey(key)) this.takeIn(Number.POSITIVE_INFINITY);
    return this.#groups.get(groupOf(key))?.rows.get(key);
  }

  set(key: ByteKey, value: Value): void {
    const name = groupOf(key);
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { rows: new Map(), sorted: undefined };
      this.#groups.set(name, group);
    }
    const before = group.rows.get(key);
    if (before === undefined) {
      group.sorted = undefined;
      this.#size++;
      this.#bytes += key.length + 64;
    }
    this.#bytes += (value?.length ?? 0) - (before?.length ?? 0);
    group.rows.set(key, value);
  }

  /** Forgets the key, as if nothing had been set. */
  delete(key: ByteKey): void {
    const group = this.#groups.get(groupOf(key));
    const before = group?.rows.get(key);
    if (group === undefined || before === undefined) return;
    group.rows.delete(key);
    group.sorted = undefined;
    this.#size--;
    this.#bytes -= key.length + 64 + (before?.length ?? 0);
  }

  /** A key of each group. */
  *firstKeys(): Generator<ByteKey> {
    this.takeIn(Number.POSITIVE_INFINITY);
    for (const { rows } of this.#groups.values())
      for (const key of rows.keys()) {
        yield key;
        break;
      }
  }

  /** Rows with `start <= key < end`, in order; both of one group. */
  *range(start: ByteKey, end: ByteKey): Generator<Row> {
    if (isPrimaryKey(start)) this.takeIn(Number.POSITIVE_INFINITY);
    const group = this.#groups.get(groupOf(start));
    if (group === undefined) return;
    group.sorted ??= [...group.rows.keys()].sort(compareKeys);
    const { sorted } = group;
    for (let i = lowerBound(sorted, start); i < sorted.length && sorted[i]! < end; i++) {
      const value = group.rows.get(sorted[i]!);
      if (value !== undefined) yield [sorted[i]!, value];
    }
  }

  /** All rows in the order of their keys; sorted group by group, as they are asked for. */
  *rowsInOrder(): Generator<Row> {
    this.takeIn(Number.POSITIVE_INFINITY);
    for (const name of [...this.#groups.keys()].sort((a, b) => a - b)) {
      const { rows } = this.#groups.get(name)!;
      for (const row of [...rows].sort((a, b) => compareKeys(a[0], b[0]))) yield row;
    }
  }
}

export function compareKeys(a: ByteKey, b: ByteKey): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lowerBound(sorted: readonly ByteKey[], key: ByteKey): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
