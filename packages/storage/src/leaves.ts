import { type Hash64, hash64, hex64, mix32 } from './hash.ts';
import { afterPrefix, type ByteKey, bytesOfKey, leafOfKey, leafPrefix } from './keys-core.ts';
import type { Value } from './memtable.ts';

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

interface RowSource {
  range(start: ByteKey, end: ByteKey): Iterable<readonly [ByteKey, Uint8Array]>;
}

/** The leaves of the partitions in use, in memory (8 KiB each); a partition's are read when it is first touched. */
export class Leaves {
  readonly #rows: RowSource;
  /** Per leaf: its upper and its lower half. */
  readonly #partitions = new Map<number, Int32Array>();

  constructor(rows: RowSource) {
    this.#rows = rows;
  }

  /** Adds a share, or takes it out again. */
  xor(partition: number, leaf: number, { high, low }: Hash64): void {
    const leaves = this.#of(partition);
    leaves[2 * leaf]! ^= high;
    leaves[2 * leaf + 1]! ^= low;
  }

  /** The leaf as a row; null: it counts nothing. */
  row(partition: number, leaf: number): Value {
    const leaves = this.#of(partition);
    const [high, low] = [leaves[2 * leaf]!, leaves[2 * leaf + 1]!];
    if (high === 0 && low === 0) return null;
    const out = Buffer.allocUnsafe(8);
    out.writeInt32LE(low, 0);
    out.writeInt32LE(high, 4);
    return out;
  }

  all(partition: number): ReadonlyMap<number, string> {
    const digests = new Map<number, string>();
    const leaves = this.#of(partition);
    for (let leaf = 0; leaf < leavesPerPartition; leaf++) {
      const [high, low] = [leaves[2 * leaf]!, leaves[2 * leaf + 1]!];
      if (high !== 0 || low !== 0) digests.set(leaf, hex64({ high, low }));
    }
    return digests;
  }

  #of(partition: number): Int32Array {
    let leaves = this.#partitions.get(partition);
    if (leaves === undefined) {
      leaves = new Int32Array(2 * leavesPerPartition);
      const prefix = leafPrefix(partition);
      for (const [key, value] of this.#rows.range(prefix, afterPrefix(prefix))) {
        const bytes = Buffer.from(value);
        const leaf = leafOfKey(key);
        leaves[2 * leaf] = bytes.readInt32LE(4);
        leaves[2 * leaf + 1] = bytes.readInt32LE(0);
      }
      this.#partitions.set(partition, leaves);
    }
    return leaves;
  }
}
