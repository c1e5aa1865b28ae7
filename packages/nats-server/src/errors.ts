/** What every failure of this package has: a stable `code`, plain `details`, and the `cause` where there is one. */
export class NatsServerError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/** No nats-server executable was found. */
export class NatsServerMissingError extends NatsServerError {
  constructor(searched: readonly string[]) {
    super(
      'NATS_SERVER_MISSING',
      'nats-server was not found. Install it (Debian: apt-get install nats-server) or set RINGFORT_NATS_SERVER to its path.',
      { searched },
    );
  }
}

/** An option that cannot be passed on to nats-server. */
export class InvalidNatsOptionError extends NatsServerError {
  constructor(option: string, reason: string) {
    super('NATS_OPTION_INVALID', `${option}: ${reason}`, { option });
  }
}

/** Another process listens on the port. */
export class NatsPortTakenError extends NatsServerError {
  constructor(lastLine: string, port: number) {
    super(
      'NATS_PORT_TAKEN',
      `Port ${port} (or the cluster's) is taken; choose another, or 0 for any free one. nats-server said: ${lastLine}`,
      {
        port,
        lastLine,
      },
    );
  }
}

/** nats-server ended before it served: a bad configuration, an unwritable store, ... */
export class NatsServerRefusedError extends NatsServerError {
  constructor(lastLine: string, exit: { code: number | null; signal: string | null }) {
    super('NATS_SERVER_REFUSED', `nats-server did not start: ${lastLine || describeExit(exit)}`, {
      lastLine,
      exitCode: exit.code,
      signal: exit.signal,
    });
  }
}

/** The executable could not be run at all: not executable, or not there. */
export class NatsServerSpawnError extends NatsServerError {
  constructor(path: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      'NATS_SERVER_NOT_EXECUTABLE',
      `${path} could not be run: ${reason}. Check RINGFORT_NATS_SERVER.`,
      { path },
      cause,
    );
  }
}

/** nats-server runs but did not become ready in time; it was ended. */
export class NatsStartTimeoutError extends NatsServerError {
  constructor(what: string, timeoutMs: number, lastLine: string) {
    super('NATS_START_TIMEOUT', `${what} was not ready after ${timeoutMs} ms. Last log line: ${lastLine || '(none)'}`, {
      timeoutMs,
      lastLine,
    });
  }
}

function describeExit(exit: { code: number | null; signal: string | null }): string {
  return exit.signal === null ? `it exited with code ${exit.code}` : `it was ended by ${exit.signal}`;
}
