import { CorruptRecordError } from './errors.ts';
import type { Hash64 } from './hash.ts';
import { afterPrefix, bucketPrefix, decodeId } from './keys-core.ts';
import type { LayeredTable } from './layered-table.ts';
import { leafPlace, leafShare, PartitionLeaves } from './leaves.ts';
import type { LeafScope } from './port.ts';
import { readable } from './record-codec.ts';

/** 8 KiB each; beyond it the one that was summed up first is forgotten, and summed up again when it is asked for. */
const maxTrees = 4096;

/**
 * Leaves of single buckets in single partitions: replicas that share some buckets of a partition, and others not, compare these. Summed up from
 * the records when first asked for, and kept with every write from then on, in memory only: a store of buckets that all have the same replicas
 * has none of them.
 */
export class BucketLeaves {
  readonly #table: LayeredTable;
  readonly #trees = new Map<string, PartitionLeaves>();

  constructor(table: LayeredTable) {
    this.#table = table;
  }

  /** The partition's leaves, as far as its buckets are in the scope. */
  within(partition: number, scope: LeafScope | undefined): PartitionLeaves {
    const whole = this.#table.leaves.of(partition);
    if (scope === undefined) return whole;
    const leaves = new PartitionLeaves();
    if (scope.except) leaves.xorAll(whole);
    for (const bucket of scope.buckets) leaves.xorAll(this.#of(partition, bucket));
    return leaves;
  }

  /** A record of the bucket took the place of another, or of none; `wasCorrupt`: of one of which nobody knows what the leaf counted. */
  changed(partition: number, bucket: string, leaf: number, change: Hash64, wasCorrupt: boolean): void {
    if (this.#trees.size === 0) return;
    const name = nameOf(partition, bucket);
    if (wasCorrupt) this.#trees.delete(name);
    else this.#trees.get(name)?.xor(leaf, change);
  }

  #of(partition: number, bucket: string): PartitionLeaves {
    const name = nameOf(partition, bucket);
    let tree = this.#trees.get(name);
    if (tree !== undefined) return tree;
    tree = this.#sum(partition, bucket);
    for (const first of this.#trees.keys()) {
      if (this.#trees.size < maxTrees) break;
      this.#trees.delete(first);
    }
    this.#trees.set(name, tree);
    return tree;
  }

  #sum(partition: number, bucket: string): PartitionLeaves {
    const leaves = new PartitionLeaves();
    const prefix = `P${bucketPrefix(partition, bucket)}`;
    for (const [key, stored] of this.#table.range(prefix, afterPrefix(prefix))) {
      const record = readable(stored, decodeId(key, 1));
      if (record instanceof CorruptRecordError) continue;
      const { leaf, keyHash } = leafPlace(key);
      leaves.xor(leaf, leafShare(keyHash, record));
    }
    return leaves;
  }
}

const nameOf = (partition: number, bucket: string): string => `${partition} ${bucket}`;
