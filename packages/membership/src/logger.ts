/** One event that an operator may want to know. `code` is stable. */
export interface LogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly code: string;
  readonly message: string;
  readonly details: Record<string, unknown>;
}

/** Takes log entries; must not throw. */
export type Logger = (entry: LogEntry) => void;
