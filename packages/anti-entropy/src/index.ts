/**
 * What keeps replicas the same, and brings whole partitions from one node to another.
 *
 * @example
 * const transfers = createTransfers({ bus, nodeId: 'n2', store: transferStore(store) });
 * const { leavesInFlight } = await transfers.start({ partition: 7, source: 'n1' }).done;
 *
 * @module
 */
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
export { type BarrierStore, transferStore } from './transfer-store.ts';
