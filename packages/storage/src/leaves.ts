import { type Hash64, hash64, hex64, mix32 } from './hash.ts';
import { type ByteKey, bytesOfKey, leavesKey, primaryKey } from './keys-core.ts';
import type { Row } from './memtable.ts';
import type { RecordId } from './port.ts';

/** Merkle leaves per partition. Part of the format: replicas compare leaf by leaf. */
export const leavesPerPartition = 1024;

/** Where a primary record is counted, and the hash of its key. */
export interface LeafPlace {
  readonly leaf: number;
  readonly keyHash: Hash64;
}

export function leafPlace(key: ByteKey): LeafPlace {
  const keyHash = hash64(bytesOfKey(key));
  return { leaf: keyHash.low & (leavesPerPartition - 1), keyHash };
}

/** The leaf of its partition that counts a record. */
export const leafOf = (id: RecordId): number => leafPlace(primaryKey(id)).leaf;

/**
 * What a record adds (XOR) to its leaf: three rounds of a Feistel network over its digest, keyed by the hash of its key. So shares of one key
 * differ as their digests do, and sums of shares say nothing of sums of digests.
 */
export function leafShare(key: Hash64, digest: Hash64): Hash64 {
  let { high, low } = digest;
  low ^= mix32(high + key.low);
  high ^= mix32(low + key.high);
  low ^= mix32(high ^ key.low);
  return { high, low };
}

/** What a leaf changes by (XOR) when a key's record takes the place of another, or of none. */
export function leafChange(key: Hash64, before: Hash64 | undefined, after: Hash64): Hash64 {
  const share = leafShare(key, after);
  if (before === undefined) return share;
  const former = leafShare(key, before);
  return { high: share.high ^ former.high, low: share.low ^ former.low };
}

const emptyRoot: Hash64 = Object.freeze({ high: 0, low: 0 });

/** The leaves of one partition: per leaf its upper and its lower half. */
export class PartitionLeaves {
  readonly #halves = new Int32Array(2 * leavesPerPartition);
  /** The sum (XOR) of all of them, kept with every change: so a comparison of whole partitions costs nothing. */
  #rootHigh = 0;
  #rootLow = 0;
  /** Whether they differ from the row that was taken last. */
  changed = false;

  /** @param row what {@link row} answered */
  constructor(row?: Uint8Array) {
    if (row === undefined) return;
    new Uint8Array(this.#halves.buffer).set(row);
    for (let i = 0; i < this.#halves.length; i += 2) {
      this.#rootHigh ^= this.#halves[i]!;
      this.#rootLow ^= this.#halves[i + 1]!;
    }
  }

  xor(leaf: number, { high, low }: Hash64): void {
    this.#halves[2 * leaf]! ^= high;
    this.#halves[2 * leaf + 1]! ^= low;
    this.#rootHigh ^= high;
    this.#rootLow ^= low;
    this.changed = true;
  }

  /** What all leaves sum up to. */
  get root(): Hash64 {
    return { high: this.#rootHigh, low: this.#rootLow };
  }

  /** Adds (or, once more, takes away) all of another's. */
  xorAll(other: PartitionLeaves): void {
    for (let leaf = 0; leaf < leavesPerPartition; leaf++) this.xor(leaf, other.at(leaf));
  }

  at(leaf: number): Hash64 {
    return { high: this.#halves[2 * leaf]!, low: this.#halves[2 * leaf + 1]! };
  }

  clear(): void {
    this.#halves.fill(0);
    this.#rootHigh = 0;
    this.#rootLow = 0;
    this.changed = true;
  }

  digests(): ReadonlyMap<number, string> {
    const digests = new Map<number, string>();
    for (let leaf = 0; leaf < leavesPerPartition; leaf++) {
      const sum = this.at(leaf);
      if (sum.high !== 0 || sum.low !== 0) digests.set(leaf, hex64(sum));
    }
    return digests;
  }

  /** A copy of all of them, in the machine's order of bytes, as is the file that keeps it. */
  row(): Uint8Array {
    return new Uint8Array(this.#halves.slice().buffer);
  }
}

/**
 * The leaves of the partitions in use, in memory (8 KiB each); a partition's are read when it is first touched.
 *
 * A write changes them here and tells the journal by what. The base takes them over as one row per partition, in the very transaction that
 * moves its marker: so what it holds is always the sum of exactly the frames up to the marker, and a start adds the changes of the later
 * ones, each once, however far the records themselves had come.
 */
export class Leaves {
  readonly #base: { get(key: ByteKey): Uint8Array | undefined };
  readonly #partitions = new Map<number, PartitionLeaves>();

  constructor(base: { get(key: ByteKey): Uint8Array | undefined }) {
    this.#base = base;
  }

  of(partition: number): PartitionLeaves {
    let leaves = this.#partitions.get(partition);
    if (leaves === undefined) {
      leaves = new PartitionLeaves(this.#base.get(leavesKey(partition)));
      this.#partitions.set(partition, leaves);
    }
    return leaves;
  }

  /** What a partition's leaves sum up to; of one that never held anything without any memory for its leaves. */
  root(partition: number): Hash64 {
    const known = this.#partitions.has(partition) || this.#base.get(leavesKey(partition)) !== undefined;
    return known ? this.of(partition).root : emptyRoot;
  }

  /** Rows of the partitions that changed since the last call. */
  takeRows(): Row[] {
    const rows: Row[] = [];
    for (const [partition, leaves] of this.#partitions) {
      if (!leaves.changed) continue;
      leaves.changed = false;
      rows.push([leavesKey(partition), leaves.row()]);
    }
    return rows;
  }
}
