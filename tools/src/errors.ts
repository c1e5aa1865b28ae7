/** A failure that is told in one line, without a stack: the user can mend it. */
export class ToolError extends Error {
  /** Stable, for programs. */
  readonly code: string;
  /** Output of the program that failed, shown before the message. */
  readonly output: string;

  constructor(code: string, message: string, options: { cause?: unknown; output?: string } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'ToolError';
    this.code = code;
    this.output = options.output ?? '';
  }
}
