export * from './contract.ts';
export { partitionOf, recordHash } from './hash-core.ts';
export { compareRecords, emptyHistory, extendHistory, foldHistory, type History } from './history-core.ts';
export type { Place, Ring, RingNode } from './port.ts';
export { activePlaces, isPrimary, primaries } from './preference-core.ts';
export { emptyRing } from './ring-core.ts';
