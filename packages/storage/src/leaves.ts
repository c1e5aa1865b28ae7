import { hash64, hex64 } from './hash.ts';
import { afterPrefix, type ByteKey, bytesOfKey, leafOfKey, leafPrefix } from './keys-core.ts';

/** Merkle leaves per partition. Part of the format: replicas compare leaf by leaf. */
export const leavesPerPartition = 1024;

/** Where a primary record is counted, and the hash of its key. */
export interface LeafPlace {
  readonly leaf: number;
  readonly keyBytes: Buffer;
}

export function leafPlace(key: ByteKey): LeafPlace {
  const keyBytes = bytesOfKey(key);
  return { leaf: Number(hash64(keyBytes) % BigInt(leavesPerPartition)), keyBytes };
}

/** What a record adds (XOR) to its leaf: a hash of its key and digest. */
export function leafShare(keyBytes: Uint8Array, digest: bigint): bigint {
  return hash64(keyBytes, digest);
}

interface RowSource {
  range(start: ByteKey, end: ByteKey): Iterable<readonly [ByteKey, Uint8Array]>;
}

/** The leaves of the partitions in use, in memory (8 KiB each); a partition's are read when it is first touched. */
export class Leaves {
  readonly #rows: RowSource;
  readonly #partitions = new Map<number, BigUint64Array>();

  constructor(rows: RowSource) {
    this.#rows = rows;
  }

  get(partition: number, leaf: number): bigint {
    return this.#of(partition)[leaf]!;
  }

  set(partition: number, leaf: number, value: bigint): void {
    this.#of(partition)[leaf] = value;
  }

  all(partition: number): ReadonlyMap<number, string> {
    const digests = new Map<number, string>();
    this.#of(partition).forEach((value, leaf) => {
      if (value !== 0n) digests.set(leaf, hex64(value));
    });
    return digests;
  }

  #of(partition: number): BigUint64Array {
    let leaves = this.#partitions.get(partition);
    if (leaves === undefined) {
      leaves = new BigUint64Array(leavesPerPartition);
      const prefix = leafPrefix(partition);
      for (const [key, value] of this.#rows.range(prefix, afterPrefix(prefix)))
        leaves[leafOfKey(key)] = decodeLeaf(value);
      this.#partitions.set(partition, leaves);
    }
    return leaves;
  }
}

export function encodeLeaf(value: bigint): Uint8Array | null {
  if (value === 0n) return null;
  const out = Buffer.allocUnsafe(8);
  out.writeBigUInt64LE(value);
  return out;
}

const decodeLeaf = (bytes: Uint8Array): bigint => Buffer.from(bytes).readBigUInt64LE();
