/** What every error of this package has beside its message. */
abstract class VersioningError extends Error {
  abstract readonly code: string;
  /** Plain data about the failure, fit for logs and for the wire. */
  readonly details: Record<string, unknown>;

  constructor(message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.details = details;
  }
}

/** A causal context handed in from outside is malformed. It is never treated as empty: that would make a blind write of it. */
export class InvalidContextError extends VersioningError {
  readonly code = 'INVALID_CONTEXT';

  constructor(reason: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(`invalid context: ${reason}; send a context exactly as a get or a put returned it, or none`, details, cause);
  }
}

/** Bytes that should be an encoded object are not. */
export class CorruptObjectError extends VersioningError {
  readonly code = 'CORRUPT_OBJECT';

  constructor(reason: string, details: Record<string, unknown> = {}) {
    super(`corrupt object: ${reason}; read it again from another replica`, details);
  }
}

/** A number or text that the encoding has no room for: a mistake of the calling code. */
export class UnencodableError extends VersioningError {
  readonly code = 'UNENCODABLE';

  constructor(field: string, value: unknown) {
    super(`cannot encode ${field}: ${String(value)}; whole numbers from 0 to 2^53 - 1 and short texts only`, { field });
  }
}

/** Text that should be a dot, `<actor>:<counter>`, is not. */
export class InvalidDotError extends VersioningError {
  readonly code = 'INVALID_DOT';

  constructor(text: string) {
    super(`not a dot: ${JSON.stringify(text.slice(0, 80))}; expected <actor>:<counter>`, { text: text.slice(0, 80) });
  }
}

/** A write was about to name a dot that the object or its context knows already. An assertion: writing it could erase a value. */
export class DotReusedError extends VersioningError {
  readonly code = 'DOT_REUSED';

  constructor(dot: string) {
    super(`the dot ${dot} is known already and must not name a second value; ask the versioner for another`, { dot });
  }
}

/** The versioner was asked for a dot after it had been stopped. */
export class VersionerStoppedError extends VersioningError {
  readonly code = 'VERSIONER_STOPPED';

  constructor() {
    super('the versioner is stopped and gives no more dots; create a new one');
  }
}

/** Leaving the run marker failed. Nothing is lost: the next start draws a new run id, and clocks grow by one entry. */
export class MarkerError extends VersioningError {
  readonly code = 'RUN_MARKER_FAILED';

  constructor(cause: unknown) {
    super('the run marker could not be left behind; the next start will draw a new run id', {}, cause);
  }
}
