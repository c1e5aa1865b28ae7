import { leafOf, leavesPerPartition, type Store } from '@ringfort/storage';
import type { TransferStore } from './transfer-port.ts';

/**
 * A store as transfers see it.
 * @param partitionsHeld in how many partitions the store has records, to estimate those of a large one; undefined: unknown
 */
export function transferStore(store: Store, partitionsHeld?: () => number): TransferStore {
  return {
    storeId: store.storeId,
    fold: (query, limits) => store.fold(query, limits),
    write: (id, bytes, options) => store.write(id, bytes, options),
    leaves: (partition) => store.leaves(partition),
    leafOf,
    barrier: (partition) => store.barrier(partition),
    raiseBarrier: (partition, barrier) => store.raiseBarrier(partition, barrier),
    getMeta: (key) => store.getMeta(key),
    putMeta: (key, value) => store.putMeta(key, value),
    listMeta: (prefix) => store.listMeta(prefix),
    estimateRecords: (partition) => {
      const share = () => Math.round(store.stats().records / Math.max(1, partitionsHeld?.() ?? 1));
      const counted = estimateRecords(store.leaves(partition).size);
      return counted ?? (partitionsHeld === undefined ? undefined : share());
    },
  };
}

/**
 * How many records fill so many leaves, by linear counting (Whang, 1990): within some percent up to about six records per leaf, unknown
 * beyond.
 */
export function estimateRecords(filledLeaves: number): number | undefined {
  const empty = leavesPerPartition - filledLeaves;
  if (empty < 3) return undefined;
  return Math.round(leavesPerPartition * Math.log(leavesPerPartition / empty));
}
