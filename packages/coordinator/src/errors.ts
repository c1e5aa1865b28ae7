/** What is known of a write that failed: `not-applied`: no replica has it; `indeterminate`: some may. */
export type WriteOutcome = 'not-applied' | 'indeterminate';

/** Base of the coordinator's failures. `code` is stable, `details` travels with it over the bus and HTTP. */
export abstract class CoordinatorError extends Error {
  abstract readonly code: string;
  constructor(
    message: string,
    readonly details: Record<string, unknown> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Fewer replicas than required answered. For writes `outcome` says what may have become of it. */
export class QuorumUnavailableError extends CoordinatorError {
  override readonly code = 'QUORUM_UNAVAILABLE';
  constructor(required: number, received: number, outcome?: WriteOutcome, causes: readonly string[] = []) {
    super(
      `${received} of ${required} required replicas answered${causes.length > 0 ? ` (${causes.join(', ')})` : ''}; try again, or lower r/w, or allow sloppy quorums`,
      { required, received, ...(outcome === undefined ? {} : { outcome }), ...(causes.length > 0 ? { causes } : {}) },
    );
  }
}

/** The request's time was over before enough replicas had answered. */
export class RequestDeadlineError extends CoordinatorError {
  override readonly code = 'DEADLINE_EXCEEDED';
  constructor(timeoutMs: number, outcome?: WriteOutcome) {
    super(`no quorum within ${timeoutMs} ms`, { timeoutMs, ...(outcome === undefined ? {} : { outcome }) });
  }
}

/** The node has as many requests under way as it accepts. */
export class OverloadedError extends CoordinatorError {
  override readonly code = 'OVERLOADED';
  constructor(readonly maxInFlight: number) {
    super(`${maxInFlight} requests are under way, more are refused; try again shortly`, {
      maxInFlight,
      retryAfterMs: 1000,
      outcome: 'not-applied',
    });
  }
}

/** `r`, `w` or `dw` is outside of what the bucket's N allows. */
export class InvalidQuorumError extends CoordinatorError {
  override readonly code = 'INVALID_QUORUM';
  constructor(name: 'r' | 'w' | 'dw', value: unknown, min: number, max: number) {
    super(`${name}=${String(value)} is out of range: ${min} to ${max}, or one, quorum, all`, { name, value, min, max });
  }
}

export class ValueTooLargeError extends CoordinatorError {
  override readonly code = 'VALUE_TOO_LARGE';
  constructor(bytes: number, maxBytes: number) {
    super(`the value has ${bytes} bytes, at most ${maxBytes} are allowed`, { bytes, maxBytes });
  }
}

export class KeyTooLongError extends CoordinatorError {
  override readonly code = 'KEY_TOO_LONG';
  constructor(what: 'key' | 'bucket', bytes: number, maxBytes: number) {
    super(`the ${what} has ${bytes} bytes, at least 1 and at most ${maxBytes} are allowed`, { what, bytes, maxBytes });
  }
}

/** The put would leave more siblings than allowed: read, merge them, and write with the context. */
export class TooManySiblingsError extends CoordinatorError {
  override readonly code = 'TOO_MANY_SIBLINGS';
  constructor(siblings: number, maxSiblings: number) {
    super(
      `the key would have ${siblings} siblings, at most ${maxSiblings} are allowed; get it, merge them, and put with the context`,
      { siblings, maxSiblings, outcome: 'not-applied' },
    );
  }
}

/** This node is no member of the cluster (yet), or is leaving. */
export class NotServingError extends CoordinatorError {
  override readonly code = 'NOT_SERVING';
  constructor(state: string) {
    super(`this node serves no requests: it is ${state}`, { state, outcome: 'not-applied' });
  }
}

/** A request was forwarded too often: the nodes' rings differ. */
export class TooManyHopsError extends CoordinatorError {
  override readonly code = 'TOO_MANY_HOPS';
  constructor(hops: number) {
    super(`forwarded ${hops} times without reaching a replica; the ring is changing, try again`, {
      hops,
      outcome: 'not-applied',
    });
  }
}

/** A cursor of a listing that this cluster did not give out. */
export class InvalidCursorError extends CoordinatorError {
  override readonly code = 'INVALID_CURSOR';
  constructor() {
    super('the cursor is not one that a former page returned; start again without it');
  }
}

/** A write needed stand-ins, and their room for the hints of an absent primary is used up. */
export class HintsFullError extends CoordinatorError {
  override readonly code = 'HINTS_FULL';
  constructor(required: number, received: number, outcome: WriteOutcome) {
    super(
      `stand-ins have no room left for hints, and only ${received} of ${required} required replicas acknowledged; bring the absent node back`,
      { required, received, outcome },
    );
  }
}
