import { NodeError } from '../errors.ts';

/** Exit codes of the command line. */
export const exitCode = {
  done: 0,
  failed: 1,
  /** `get`: the key has siblings. */
  siblings: 2,
  /** `get`: there is no such key. */
  notFound: 3,
  /** The command was not understood (sysexits.h: EX_USAGE). */
  usage: 64,
} as const;

/** A failure of a command: told in one line, then the process ends with the exit code. */
export class CommandError extends NodeError {
  readonly code: string;
  readonly exitCode: number;
  constructor(
    code: string,
    message: string,
    options: { exitCode?: number; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.details, options.cause);
    this.code = code;
    this.exitCode = options.exitCode ?? exitCode.failed;
  }
}

/** The line for a failure, and the exit code that goes with it. */
export function failureOf(error: unknown): { line: string; exitCode: number } {
  const code = error instanceof CommandError ? error.exitCode : codeForUsage(error);
  const { code: name } = error as { code?: unknown };
  const text = error instanceof Error ? error.message : String(error);
  // What has no code of ours is a bug: then the stack is the message.
  return { line: typeof name === 'string' ? text : ((error as Error).stack ?? text), exitCode: code };
}

function codeForUsage(error: unknown): number {
  return (error as { code?: unknown }).code === 'INVALID_CONFIG' ? exitCode.usage : exitCode.failed;
}
