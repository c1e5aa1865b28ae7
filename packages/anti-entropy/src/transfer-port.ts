import type { FoldedRecord, Page, RecordId, WriteOptions } from '@ringfort/storage';

/**
 * What a transfer needs of a store; `transferStore` makes it of a `Store`. Cursors are the store's own, and stay good over its restarts.
 */
export interface TransferStore {
  /** Random, drawn when the store was made: cursors of another one mean nothing. */
  readonly storeId: string;
  fold(
    query: { partition: number; after?: Uint8Array },
    limits: { maxItems: number; maxBytes: number },
  ): Page<FoldedRecord>;
  /** Merges; writes become durable in the order in which they were begun. */
  write(id: RecordId, bytes: Uint8Array, options: WriteOptions): Promise<unknown>;
  /** Digests of the leaves that are not empty. */
  leaves(partition: number): ReadonlyMap<number, string>;
  leafOf(id: RecordId): number;
  barrier(partition: number): number;
  /**
   * Durably adopts a partition's barrier. Whoever implements it sees to it that nothing stays that was collected elsewhere before this barrier:
   * copies of a time when this node owned the partition, and stand-in records.
   */
  raiseBarrier(partition: number, barrier: number): Promise<void>;
  getMeta(key: string): Uint8Array | undefined;
  putMeta(key: string, value: Uint8Array | undefined): Promise<void>;
  listMeta(prefix: string): ReadonlyMap<string, Uint8Array>;
  /** About how many records the partition has, for whoever watches; undefined: unknown. */
  estimateRecords(partition: number): number | undefined;
}
