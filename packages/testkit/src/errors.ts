/** What every failure of the testkit has: a stable `code`, plain `details`, and the `cause` where there is one. */
export class TestkitError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/** More timers ran in one step than the bound allows: something sets timers for ever. */
export class ClockRunawayError extends TestkitError {
  constructor(maxTimers: number, atMs: number) {
    super(
      'CLOCK_RUNAWAY',
      `${maxTimers} timers ran in one step (virtual time ${atMs} ms): advance in smaller steps, or raise maxTimers`,
      { maxTimers, atMs },
    );
  }
}

/** A history was told something that cannot be. */
export class HistoryMisuseError extends TestkitError {
  constructor(reason: string, details: Record<string, unknown>) {
    super('HISTORY_MISUSE', reason, details);
  }
}

/** The ringfort binary has not been built. */
export class BinaryMissingError extends TestkitError {
  constructor(path: string) {
    super('TEST_BINARY_MISSING', `${path} is not there: build it first (npm run build), or give \`binary\``, { path });
  }
}

/** A node ended while it was waited for. Its message ends with the node's last log lines. */
export class TestNodeExitedError extends TestkitError {
  constructor(id: string, exit: { code: number | null; signal: string | null }, log: string) {
    super('TEST_NODE_EXITED', `node ${id} ended (${exit.signal ?? `exit code ${exit.code}`}):\n${log}`, {
      id,
      ...exit,
    });
  }
}

/** A node runs but did not become ready in time. Its message ends with the node's last log lines. */
export class TestNodeNotReadyError extends TestkitError {
  constructor(id: string, timeoutMs: number, last: string, log: string) {
    super('TEST_NODE_NOT_READY', `node ${id} was not ready after ${timeoutMs} ms (${last}):\n${log}`, {
      id,
      timeoutMs,
      last,
    });
  }
}

/** A fault that cannot be set on a link. */
export class InvalidFaultError extends TestkitError {
  constructor(reason: string, details: Record<string, unknown>) {
    super('FAULT_INVALID', reason, details);
  }
}
