/**
 * Dynamo partitioning: keys to partitions, a membership history to a ring, preference lists and transfer plans.
 *
 * ```ts
 * const ring = foldHistory(records);
 * const list = ring.preferenceList(partitionOf('carts', 'alice', ring.partitions));
 * const places = activePlaces(list, ring.bucket('carts').n, (node) => isUp(node));
 * ```
 */
export * from './contract.ts';
export { PartitionOutOfRangeError, PartitionsDifferError, RingError, RingUnfoundedError } from './errors.ts';
export { partitionOf, recordHash } from './hash-core.ts';
export {
  compareRecords,
  emptyHistory,
  extendHistory,
  foldHistory,
  type History,
  retiredIds,
  settledNodes,
} from './history-core.ts';
export { handOverRecord, mayRecord } from './moves-core.ts';
export { type Placed, place } from './placement-core.ts';
export {
  balanceOf,
  type NodeLoad,
  planTransfers,
  type RingBalance,
  type SlotTransfer,
  type TransferPlan,
  targetBalanceOf,
} from './plan-core.ts';
export type { Place, Ring, RingNode, SlotMove } from './port.ts';
export { activePlaces, isPrimary, primaries } from './preference-core.ts';
export { emptyRing } from './ring-core.ts';
export {
  createRing,
  type RingActor,
  type RingChanged,
  type RingContext,
  type RingEvent,
  type RingOptions,
  ringMachine,
  ringOf,
} from './ring-machine.ts';
export { defaultReplication, type Feasible, feasibleShares } from './shares-core.ts';
export type { OwnerTable } from './slots-core.ts';
export { positionOf, type TokenRing, tokenPlacedPartitions, tokenValueRing } from './tokens-core.ts';
