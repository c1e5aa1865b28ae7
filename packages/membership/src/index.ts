/**
 * Who belongs to the cluster, and who answers: the history of membership changes, its gossip, and failure detection.
 *
 * ```ts
 * const membership = await createMembership({ bus, clock, random, log, self, seeds: ['n1', 'n2', 'n3'], partitions: 256 });
 * await untilMember(membership, 10_000);
 * membership.ring.preferenceList(7).filter((node) => membership.isUp(node));
 * ```
 */
export * from './change-errors.ts';
export * from './changes.ts';
export * from './contract.ts';
export { type Belief, type Doubt, type Evidence, judge, type Suspicion, suspectAfterMs } from './detector-core.ts';
export { type DetectorContext, type DetectorEvent, detectorMachine } from './detector-machine.ts';
export * from './errors.ts';
export type { HistoryLimits } from './history-core.ts';
export { type HistoryLog, historyLogOverMeta, type MetaStore, memoryHistoryLog } from './history-log.ts';
export type { LogEntry, Logger } from './logger.ts';
export { createMembership } from './membership.ts';
export { type MembershipContext, type MembershipMachineEvent, membershipMachine } from './membership-machine.ts';
export type { MembershipIntervals, MembershipOptions } from './options.ts';
export { changesBack, planChanges } from './plan-core.ts';
export type {
  FailureReason,
  Membership,
  MembershipEvent,
  MembershipState,
  NodeMembership,
  SlotRecords,
} from './port.ts';
export { untilMember } from './until-member.ts';
