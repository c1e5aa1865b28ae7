/** What every failure of the bench has: a stable `code`, plain `details`, and the `cause` where there is one. */
export class BenchError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/** An option that makes no sense. */
export class InvalidOptionError extends BenchError {
  constructor(message: string, details: Record<string, unknown> = {}) {
    super('BENCH_OPTION_INVALID', message, details);
  }
}

/** A target whose programs are not installed or not built. */
export class TargetMissingError extends BenchError {
  constructor(target: string, message: string) {
    super('BENCH_TARGET_MISSING', `${target}: ${message}`, { target });
  }
}

/** A target whose servers did not start. */
export class TargetStartError extends BenchError {
  constructor(target: string, message: string, cause?: unknown) {
    super('BENCH_TARGET_START', `${target} did not start: ${message}`, { target }, cause);
  }
}

/** Operations failed: there is no result to print. */
export class OperationsFailedError extends BenchError {
  constructor(target: string, failed: number, samples: readonly string[]) {
    super(
      'BENCH_OPERATIONS_FAILED',
      `${target}: ${failed} operations failed, so there is no result. For example: ${samples.join(' | ')}`,
      { target, failed, samples },
    );
  }
}

/** What was read is not what was written: there is no result to print. */
export class VerificationError extends BenchError {
  constructor(target: string, mismatches: number, samples: readonly string[]) {
    super(
      'BENCH_VERIFICATION_FAILED',
      `${target}: ${mismatches} reads returned what they must not, so there is no result. For example: ${samples.join(' | ')}`,
      { target, mismatches, samples },
    );
  }
}

/** The target did not keep up with the offered rate: latencies of an open loop would only measure the queue. */
export class RateNotSustainedError extends BenchError {
  constructor(target: string, rate: number, waiting: number) {
    super(
      'BENCH_RATE_NOT_SUSTAINED',
      `${target} did not keep up with ${rate} operations/s: ${waiting} were still waiting when the time was over. Choose a lower --rate.`,
      { target, rate, waiting },
    );
  }
}

/** Stopped by Ctrl-C. */
export class InterruptedError extends BenchError {
  constructor() {
    super('BENCH_INTERRUPTED', 'interrupted');
  }
}
