import { type BusFailure, RemoteError } from '@ringfort/bus';

type Details = Record<string, unknown>;

/** What is known of a write that failed: `not-applied`: no replica has it; `indeterminate`: some may. */
export type WriteOutcome = 'not-applied' | 'indeterminate';

/** Every failure of the client. `code` is stable; a code this version does not know arrives as this class itself. */
export class RingfortError extends Error {
  readonly code: string;
  readonly details: Details;

  constructor(code: string, message: string, details: Details = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }

  /** Of failed writes: whether a replica may have it. Undefined for reads, and where the error says nothing. */
  get outcome(): WriteOutcome | undefined {
    const { outcome } = this.details;
    return outcome === 'not-applied' || outcome === 'indeterminate' ? outcome : undefined;
  }
}

/** What an error class of this file takes when it stands for an answer of the cluster. */
type Answered = new (message: string, details?: Details, cause?: unknown) => RingfortError;

function answered(code: string): Answered {
  return class extends RingfortError {
    constructor(message: string, details?: Details, cause?: unknown) {
      super(code, message, details, cause);
    }
  };
}

/** Fewer replicas than required answered; `details.required`, `details.received`. */
export class QuorumUnavailableError extends answered('QUORUM_UNAVAILABLE') {}
/** No answer in time. Of writes: see `outcome`. */
export class DeadlineExceededError extends answered('DEADLINE_EXCEEDED') {}
/** A node, or this client, has as many requests under way as it accepts: slow down. */
export class OverloadedError extends answered('OVERLOADED') {}
/** Stand-ins have no room left for absent primaries. */
export class HintsFullError extends answered('HINTS_FULL') {}
/** The put would leave more siblings than allowed: get, merge, put with the context. */
export class TooManySiblingsError extends answered('TOO_MANY_SIBLINGS') {}
/** The context is not one that a get or a put returned. */
export class InvalidContextError extends answered('INVALID_CONTEXT') {}
/** `r`, `w` or `dw` is outside of what the bucket allows. */
export class InvalidQuorumError extends answered('INVALID_QUORUM') {}
/** The value, encoded, is larger than the cluster takes. */
export class ValueTooLargeError extends answered('VALUE_TOO_LARGE') {}
/** The key or the bucket's name is empty or longer than the cluster takes. */
export class KeyTooLongError extends answered('KEY_TOO_LONG') {}
/** No node of the cluster answers. */
export class UnavailableError extends answered('NO_RESPONDERS') {}
/** The connection to NATS is down, and stayed so until the deadline. */
export class DisconnectedError extends answered('DISCONNECTED') {}
/** The caller's AbortSignal fired. A write may have been applied: see `outcome`. */
export class AbortedError extends answered('ABORTED') {}

/** The write was sent and its fate is not known: some replica may have it. Read before repeating it, or ask for `retryIndeterminate`. */
export class IndeterminateError extends RingfortError {
  constructor(cause: { code: string; message: string; details?: Details | undefined }) {
    const details = { ...cause.details, reason: cause.code, outcome: 'indeterminate' };
    super('INDETERMINATE', `the write may or may not have been applied: ${cause.message}`, details, cause);
  }
}

/** The client is closed. */
export class ClientClosedError extends RingfortError {
  constructor() {
    super('CLIENT_CLOSED', 'the client is closed; connect again');
  }
}

/** A key has several concurrent values and nothing to merge them by. */
export class SiblingsError extends RingfortError {
  constructor(siblings: number, details: Details = {}) {
    super(
      'SIBLINGS',
      `the key has ${siblings} concurrent values; give the bucket a \`resolve\`, or use \`siblings\` and write the merged one with \`context\``,
      { siblings, ...details },
    );
  }
}

/** `update` wrote, and found a concurrent value each time. The last write stands, as one of the siblings. */
export class UpdateConflictError extends RingfortError {
  constructor(key: string, attempts: number) {
    super(
      'UPDATE_CONFLICT',
      `other writers kept writing ${JSON.stringify(key)} concurrently for ${attempts} attempts`,
      {
        attempts,
      },
    );
  }
}

/** The bucket's codec could not turn a value into bytes, or bytes into a value. */
export class CodecError extends RingfortError {
  constructor(what: 'encode' | 'decode', contentType: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('CODEC_FAILED', `cannot ${what} a value as ${contentType}: ${reason}`, { what, contentType }, cause);
  }
}

/** An option or argument that cannot be used: a mistake of the calling code. */
export class InvalidArgumentError extends RingfortError {
  constructor(message: string) {
    super('INVALID_ARGUMENT', message);
  }
}

const classes: Readonly<Record<string, Answered>> = {
  QUORUM_UNAVAILABLE: QuorumUnavailableError,
  DEADLINE_EXCEEDED: DeadlineExceededError,
  OVERLOADED: OverloadedError,
  HINTS_FULL: HintsFullError,
  TOO_MANY_SIBLINGS: TooManySiblingsError,
  INVALID_CONTEXT: InvalidContextError,
  INVALID_QUORUM: InvalidQuorumError,
  VALUE_TOO_LARGE: ValueTooLargeError,
  MESSAGE_TOO_LARGE: ValueTooLargeError,
  KEY_TOO_LONG: KeyTooLongError,
  NO_RESPONDERS: UnavailableError,
  DISCONNECTED: DisconnectedError,
  ABORTED: AbortedError,
};

/** The class that stands for the code of a failure of the bus or of an answer; the failure is kept as the cause. */
export function errorOf(failure: BusFailure, extra?: Details): RingfortError {
  const details = { ...failure.details, ...extra };
  const Known = Object.hasOwn(classes, failure.code) ? classes[failure.code] : undefined;
  if (Known !== undefined) return new Known(failure.message, details, failure);
  return new RingfortError(failure.code, failure.message, details, failure);
}

/** Refused before anything was done: the write is nowhere. */
const refusals = new Set([
  'INVALID_CONTEXT',
  'INVALID_MESSAGE',
  'INVALID_QUORUM',
  'KEY_TOO_LONG',
  'MESSAGE_TOO_LARGE',
  'NOT_ACCEPTED',
  'NOT_SERVING',
  'OVERLOADED',
  'PROTOCOL_MISMATCH',
  'TOO_MANY_SIBLINGS',
  'UNKNOWN_VERB',
  'VALUE_TOO_LARGE',
]);

/** Codes by which a node says that it cannot serve now, while another may. */
const elsewhere = new Set([
  'INTERNAL',
  'BUS_CLOSED',
  'NOT_ACCEPTED',
  'NOT_SERVING',
  'PROTOCOL_MISMATCH',
  'TOO_MANY_HOPS',
  'UNKNOWN_VERB',
]);

/** Failures of the bus after which another node may be asked. */
const unreached = new Set(['NO_RESPONDERS', 'PEER_LOST', 'DISCONNECTED', 'DEADLINE_EXCEEDED']);

/** Failures of the bus after which the request was certainly not delivered. */
const neverSent = new Set(['NO_RESPONDERS', 'OVERLOADED', 'MESSAGE_TOO_LARGE', 'NOT_PERMITTED']);

/** What a failed attempt means. An error that a node answered tells itself, in `details.outcome` or by a code that is a refusal. */
export function judgeFailure(failure: BusFailure): { outcome: WriteOutcome; elsewhere: boolean } {
  if (!(failure instanceof RemoteError)) {
    const { code } = failure;
    return { outcome: neverSent.has(code) ? 'not-applied' : 'indeterminate', elsewhere: unreached.has(code) };
  }
  const told = failure.details?.outcome;
  const notApplied = told === 'not-applied' || (told === undefined && refusals.has(failure.code));
  return { outcome: notApplied ? 'not-applied' : 'indeterminate', elsewhere: elsewhere.has(failure.code) };
}
