import type { Bus, Clock, DeadlineWheel } from '@ringfort/bus';
import type { FailureReason, Membership } from '@ringfort/membership';
import type { OwnerGate, RecordId, Store } from '@ringfort/storage';
import type { Versioner } from '@ringfort/versioning';
import type { CoordinatorLimits } from './limits.ts';
import type { Placement } from './placement-core.ts';
import type { ResponseTime } from './response-time.ts';

/** Counters of a coordinator; plain numbers, changed in place. */
export interface Counters {
  inFlight: number;
  /** Requests answered or not whose story goes on: late answers are awaited. */
  stories: number;
  readRepairs: number;
  hintsWritten: number;
  hintsDelivered: number;
  forwarded: number;
}

/** What the requests of one node share: everything that touches the outside goes through here. */
export interface Effects {
  readonly self: string;
  readonly bus: Bus;
  readonly store: Store;
  /** Stands before what this node answers itself as an owner. */
  readonly owner: OwnerGate;
  readonly membership: Membership;
  readonly versioner: Versioner;
  /** Bound once, since every request needs it. */
  readonly isUp: (node: string) => boolean;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly responseTime: ResponseTime;
  readonly limits: CoordinatorLimits;
  readonly counters: Counters;
  /** Told of faults that no caller waits for: a corrupt record, a failed repair. */
  readonly onFault: (fault: Error & { readonly code?: string }, where: string) => void;
}

const storageAddresses = new Map<string, string>();

/** Subject of a node's storage; remembered, since every message needs it. Bounded by the number of nodes. */
export function storageAddress(node: string): string {
  let address = storageAddresses.get(node);
  if (address === undefined) {
    if (storageAddresses.size >= 4096) storageAddresses.clear();
    address = `node.${node}.storage`;
    storageAddresses.set(node, address);
  }
  return address;
}

/** The stable code of any error. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && typeof (error as { code?: unknown }).code === 'string'
    ? (error as { code: string }).code
    : 'INTERNAL';
}

const evidence: Readonly<Record<string, FailureReason>> = {
  NO_RESPONDERS: 'no-responders',
  PEER_LOST: 'no-responders',
  DEADLINE_EXCEEDED: 'timeout',
  DISCONNECTED: 'disconnected',
  NOT_SERVING: 'refused',
};

/** Whether a failure means that the peer could not be reached, rather than that it answered with an error. */
export function isUnreachable(code: string): boolean {
  return evidence[code] !== undefined && evidence[code] !== 'refused';
}

/**
 * Tells membership what a failed request says about the peer; an answer, even an error, is a sign of life, unless it is that the peer does not
 * serve: so answers one whose directory was exchanged.
 */
export function reportFailure(membership: Membership, node: string, code: string): void {
  const reason = evidence[code];
  if (reason === undefined) membership.reportSuccess(node);
  else membership.reportFailure(node, reason);
}

/** A replica answered, or did not: what that says of it, and of how long answers take. */
export function heard(
  fx: Effects,
  task: { readonly startMs: number },
  { node, state }: Placement,
  error: { readonly code: string } | undefined,
): void {
  if (error !== undefined) {
    reportFailure(fx.membership, node, error.code);
    return;
  }
  fx.membership.reportSuccess(node);
  if (state === 'awaited') fx.responseTime.observe(fx.clock.monotonicMs() - task.startMs);
}

/** A record's identity as one string; the stand-in record of a key is another one than its primary record. */
export function recordKey(id: RecordId, standIn: boolean): string {
  return `${standIn ? 'h' : 'p'}${id.bucket}\u0000${id.key}`;
}
