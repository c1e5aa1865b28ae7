/**
 * Makes replicas equal without anybody reading, at a cost in proportion to what differs: trees of digests are compared, then the objects that
 * differ are merged both ways (Dynamo, section 4.7). And brings whole partitions from one node to another.
 *
 * @example
 * const antiEntropy = createAntiEntropy({ bus, store, membership, clock, random });
 * antiEntropy.stats().keysReceived;
 * antiEntropy.close();
 * const transfers = createTransfers({ bus, nodeId: 'n2', store: transferStore(store) });
 * const { leavesInFlight } = await transfers.start({ partition: 7, source: 'n1' }).done;
 *
 * @module
 */
export { type AntiEntropy, type AntiEntropyOptions, type AntiEntropyStats, createAntiEntropy } from './anti-entropy.ts';
export * from './collect-contract.ts';
export * from './collect-errors.ts';
export { type CollectionOutcome, collectMachine, type Proven } from './collect-machine.ts';
export {
  type CollectLimits,
  type Collector,
  type CollectorOptions,
  type CollectorStats,
  createCollector,
  defaultCollectLimits,
} from './collector.ts';
export * from './contract.ts';
export { compareNames } from './diff-core.ts';
export * from './errors.ts';
export { type ExchangeOutcome, exchangeMachine } from './exchange-machine.ts';
export {
  createHandOvers,
  type HandOverEvent,
  type HandOverStats,
  type HandOvers,
  type HandOversOptions,
} from './hand-over.ts';
export { defaultHandOverLimits, type HandOverLimits } from './hand-over-limits.ts';
export { handOverMachine } from './hand-over-machine.ts';
export { type AntiEntropyLimits, defaultLimits } from './limits.ts';
export { type MapReplicaOptions, mapReplica } from './map-replica.ts';
export type {
  DigestPage,
  HeldRecord,
  ListedRecord,
  ListQuery,
  OpenReplica,
  RecordName,
  Replica,
  WrittenRecord,
} from './port.ts';
export { type Compared, scheduleMachine } from './schedule-machine.ts';
export {
  createScrub,
  defaultScrubLimits,
  type Scrub,
  type ScrubLimits,
  type ScrubOptions,
  type ScrubStats,
} from './scrub.ts';
export * from './scrub-contract.ts';
export { scrubMachine } from './scrub-machine.ts';
export { type ServeExchangeOptions, serveExchange } from './serve-exchange.ts';
export { type SynchronizeOptions, synchronize } from './synchronize.ts';
export type {
  KnownTransfer,
  Transfer,
  TransferEvent,
  TransferProgress,
  Transfers,
  TransfersOptions,
  TransferVerified,
} from './transfer-api.ts';
export * from './transfer-errors.ts';
export { defaultTransferLimits, type TransferLimits } from './transfer-limits.ts';
export type { TransferStore } from './transfer-port.ts';
export { transferReceiveMachine } from './transfer-receive-machine.ts';
export type { Sending } from './transfer-send.ts';
export { transferSendMachine } from './transfer-send-machine.ts';
export { createTransfers } from './transfer-service.ts';
export { transferStore } from './transfer-store.ts';
