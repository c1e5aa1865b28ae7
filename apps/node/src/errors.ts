/** What every error of this app is: a stable `code`, a message that says what to do, plain `details`. */
export abstract class NodeError extends Error {
  abstract readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.details = details;
  }
}

/** The configuration does not fit its schema; the message lists each field, where its value came from, and what to do. */
export class InvalidConfigError extends NodeError {
  readonly code = 'INVALID_CONFIG';
}

/** The address to serve HTTP on is taken by another process. */
export class PortTakenError extends NodeError {
  readonly code = 'PORT_TAKEN';
  constructor(host: string, port: number, flag: string, cause?: unknown) {
    super(
      `port ${port} of ${host} is taken by another process: stop it, or choose another one with ${flag}`,
      { host, port },
      cause,
    );
  }
}

/** The address to serve HTTP on cannot be listened on (not ours, not allowed, no such host). */
export class ListenFailedError extends NodeError {
  readonly code = 'LISTEN_FAILED';
  constructor(host: string, port: number, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      `cannot serve HTTP on ${host}:${port} (${why}): give an address of this machine with --http`,
      { host, port },
      cause,
    );
  }
}

/** A directory cannot be made or written. */
export class DirectoryNotWritableError extends NodeError {
  readonly code = 'DIRECTORY_NOT_WRITABLE';
  constructor(directory: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`cannot write in ${directory} (${why}): choose another directory with --data`, { directory }, cause);
  }
}

/** The graceful stop took longer than its bound. */
export class StopTimedOutError extends NodeError {
  readonly code = 'STOP_TIMED_OUT';
  constructor(limitMs: number, state: string) {
    super(`the stop was still in "${state}" after ${limitMs} ms; what was left is cut off`, { limitMs, state });
  }
}

/** The node has been asked to serve before it can, or after it began to stop. */
export class NotReadyError extends NodeError {
  readonly code = 'NOT_READY';
  constructor(reason: string) {
    super(`the node is not serving: ${reason}; ask another node, or try again shortly`, { reason });
  }
}
