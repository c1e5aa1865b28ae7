/**
 * Where a node keeps its replicas: records with checksums, stand-in records, Merkle leaves and small durable values, on disk (LMDB behind a
 * journal) or in memory, and the actor that serves them.
 *
 * @example
 * const store = await openLmdbStore({ directory: '/var/lib/ringfort/n1' });
 * await store.write({ partition: 7, bucket: 'carts', key: 'anna' }, encodeObject(object));
 * store.read({ partition: 7, bucket: 'carts', key: 'anna' })?.object.siblings;
 *
 * @module
 */
export { labelOf } from './barriers.ts';
export * from './contract.ts';
export { type CopiedRecord, CopyReader, type CopyRow, copiedRecord } from './copy-format.ts';
export * from './errors.ts';
export { digestOf } from './hash.ts';
export { leafOf, leavesPerPartition } from './leaves.ts';
export { type LmdbStoreOptions, openLmdbStore } from './lmdb-store.ts';
export type { DiskHook } from './memory-journal.ts';
export { type MemoryStoreOptions, memoryStore } from './memory-store.ts';
export { createOwnerGate, type OwnerGate, type OwnerGateOptions, type OwnerWrite } from './owner-gate.ts';
export type {
  Collected,
  DigestPage,
  DigestQuery,
  DroppedRecords,
  Durability,
  FoldedRecord,
  ForeignDot,
  Hint,
  HintStats,
  LeafScope,
  ListedRecord,
  Page,
  RecordId,
  RecordName,
  Store,
  StoreCopy,
  StoredHint,
  StoredRecord,
  StoreStats,
  WriteDone,
  WriteOptions,
  WriteResult,
} from './port.ts';
export { type ServeCopiesOptions, serveCopies } from './serve-copies.ts';
export {
  checkFilled,
  type Logger,
  type ServedStorage,
  type ServeStorageOptions,
  serveStorage,
} from './serve-storage.ts';
export { type Moves, noMoves, type SlotView } from './slots-port.ts';
export { type StorageEvent, type StorageMode, storageMachine } from './storage-machine.ts';
export type { StoreEngine } from './store-engine.ts';
