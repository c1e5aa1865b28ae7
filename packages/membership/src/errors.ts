import type { FailureReason, MembershipState } from './port.ts';

/** Base of every error of this package: `code` is stable, `details` a plain object that may cross the bus. */
export abstract class MembershipError extends Error {
  abstract readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.details = details;
  }
}

/** The cluster knows this node's id with another store, and this one is not empty: it is another node's, or was replaced meanwhile. */
export class StoreReplacedError extends MembershipError {
  readonly code = 'STORE_REPLACED';
  constructor(details: { node: string; store: string; knownStore: string }) {
    super(
      `the cluster knows node ${details.node} with store ${details.knownStore}, but this data directory is store ${details.store}: ` +
        'its data directory was exchanged, and this one is not empty. Bring the original one back, or start the node with an empty one to have it refilled.',
      details,
    );
  }
}

/** This node is not (yet) a member of the cluster, so it cannot do what was asked. */
export class NotAMemberError extends MembershipError {
  readonly code = 'NOT_A_MEMBER';
  constructor(details: { node: string; state: MembershipState; reason?: string | undefined }) {
    super(
      `node ${details.node} is not a member of the cluster (state ${details.state}${details.reason ? `, ${details.reason}` : ''}): ` +
        'start the other founders, or have an operator add this node, and try again.',
      details,
    );
  }
}

/** {@link untilMember} waited as long as it was told to. */
export class JoinTimeoutError extends MembershipError {
  readonly code = 'JOIN_TIMEOUT';
  constructor(details: { node: string; timeoutMs: number; state: MembershipState; reason?: string | undefined }) {
    super(
      `node ${details.node} did not become a member within ${details.timeoutMs} ms (state ${details.state}, ${details.reason ?? 'no reason known'}): ` +
        'check that every seed is started with the same list of seeds and reaches the same NATS cluster.',
      details,
    );
  }
}

/** This node could not ask anybody, because it is not connected itself. */
export class CutOffError extends MembershipError {
  readonly code = 'CUT_OFF';
  constructor(details: { node: string }) {
    super(
      `node ${details.node} is not connected to NATS and cannot ask its seeds: it tries again; check its NATS servers.`,
      details,
    );
  }
}

/** The history is at its bound: no further record is written. */
export class HistoryFullError extends MembershipError {
  readonly code = 'HISTORY_FULL';
  constructor(details: { records: number; bytes: number; maxRecords: number; maxBytes: number }) {
    super(
      `the membership history holds ${details.records} records (${details.bytes} bytes) and is full: reconfigure buckets less often; ` +
        `the bound is ${details.maxRecords} records or ${details.maxBytes} bytes.`,
      details,
    );
  }
}

/** A persisted record cannot be read back: the node does not start on a history that it cannot trust. */
export class HistoryCorruptError extends MembershipError {
  readonly code = 'HISTORY_CORRUPT';
  constructor(details: { entry: number; problem: string }, cause?: unknown) {
    super(
      `entry ${details.entry} of the persisted membership history is corrupt (${details.problem}): restore the data directory from a good copy.`,
      details,
      cause,
    );
  }
}

/** The log refused to store records: they do not count and are told to nobody. */
export class HistoryNotPersistedError extends MembershipError {
  readonly code = 'HISTORY_NOT_PERSISTED';
  constructor(details: { records: number }, cause: unknown) {
    super(
      `${details.records} membership records could not be persisted: check the disk of this node and try again.`,
      details,
      cause,
    );
  }
}

/** Too many batches of records wait for the log. */
export class HistoryBusyError extends MembershipError {
  readonly code = 'HISTORY_BUSY';
  constructor(details: { waiting: number }) {
    super(
      `${details.waiting} batches of membership records already wait for the disk of this node: try again later.`,
      details,
    );
  }
}

/** The conflict rule of a bucket is fixed when it is made. */
export class BucketConflictFixedError extends MembershipError {
  readonly code = 'BUCKET_CONFLICT_FIXED';
  constructor(details: { bucket: string; conflict: string; asked: string }) {
    super(
      `bucket ${JSON.stringify(details.bucket)} was made with conflict rule "${details.conflict}", which cannot become "${details.asked}": ` +
        'make another bucket and copy what is needed.',
      details,
    );
  }
}

/** Settings of a bucket that contradict themselves or the schema. */
export class InvalidSettingsError extends MembershipError {
  readonly code = 'INVALID_SETTINGS';
  constructor(details: { bucket: string; problem: string }) {
    super(`the settings of bucket ${JSON.stringify(details.bucket)} are not valid: ${details.problem}.`, details);
  }
}

/** Options of {@link createMembership} that cannot work. */
export class InvalidMembershipOptionsError extends MembershipError {
  readonly code = 'INVALID_OPTIONS';
  constructor(details: { problem: string }) {
    super(`membership cannot start: ${details.problem}.`, details);
  }
}

/** Asked to ping a third node, this one cannot. */
export class CannotPingError extends MembershipError {
  readonly code = 'CANNOT_PING';
  constructor(details: { node: string; pinging: number }) {
    super(
      `node ${details.node} cannot be pinged from here: it is not known, or ${details.pinging} pings for others are under way; ask another node.`,
      details,
    );
  }
}

/** Codes of answers that mean: reachable, but it does not serve as the node of that id. */
const notServingCodes: ReadonlySet<string> = new Set(['STORE_REPLACED', 'PROTOCOL_MISMATCH', 'UNKNOWN_VERB']);

/** What a failed request says of the one it was sent to. `answered`: it lives, but answered an error. */
export function classifyFailure(error: unknown): FailureReason | 'answered' {
  const code = codeOf(error);
  if (code === 'NO_RESPONDERS' || code === 'PEER_LOST') return 'no-responders';
  if (code === 'DEADLINE_EXCEEDED') return 'timeout';
  if (notServingCodes.has(code)) return 'refused';
  return localCodes.has(code) ? 'disconnected' : 'answered';
}

/** Failures on this side of the wire: no evidence about the other. */
const localCodes: ReadonlySet<string> = new Set([
  'DISCONNECTED',
  'BUS_CLOSED',
  'ABORTED',
  'OVERLOADED',
  'MESSAGE_TOO_LARGE',
  'INVALID_MESSAGE',
  '',
]);

/** The stable code of an error, or `''`. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}
