/**
 * One state machine per client request: sloppy quorums, read repair, hinted handoff, admission (Dynamo, sections 4.5 and 4.6).
 *
 * @example
 * const coordinator = createCoordinator({ bus, store, membership, versioner, clock, random });
 * const { context } = await coordinator.put({ bucket: 'carts', key: 'alice', value });
 * const { siblings } = await coordinator.get({ bucket: 'carts', key: 'alice' });
 *
 * @module
 */
export * from './contract.ts';
export { type CoordinatorOptions, createCoordinator } from './coordinator.ts';
export { deleteMachine } from './delete-machine.ts';
export {
  CoordinatorError,
  HintsFullError,
  InvalidCursorError,
  InvalidQuorumError,
  KeyTooLongError,
  NotServingError,
  OverloadedError,
  QuorumUnavailableError,
  RequestDeadlineError,
  TooManyHopsError,
  TooManySiblingsError,
  ValueTooLargeError,
  type WriteOutcome,
} from './errors.ts';
export { type FlatLogic, type FlatSnapshot, flatLogic, NotFlatError } from './flat-logic.ts';
export { getMachine } from './get-machine.ts';
export { handoffMachine } from './handoff-machine.ts';
export { type CoordinatorLimits, defaultLimits } from './limits.ts';
export type { CallOptions, Coordinator, CoordinatorStats, Operator } from './port.ts';
export { putMachine } from './put-machine.ts';
export { slotViewOf } from './slot-view.ts';
