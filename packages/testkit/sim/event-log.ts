import { createHash } from 'node:crypto';

const FLUSH_LINES = 1024;

/** One message between two processes, read. */
export interface SeenMessage {
  /** Without `node.` or `client.`. */
  readonly from: string;
  /** Undefined: whoever serves the subject, and nobody does. */
  readonly to: string | undefined;
  readonly kind: 'request' | 'reply' | 'error' | 'event';
  /** Of the request, also for its answer. */
  readonly verb: string;
  /** Undefined for a verb that is not known here. */
  readonly body: unknown;
  /** What an answer answers. */
  readonly asked: unknown;
  /** When each copy arrives, after it was sent; empty: lost on its way, or nobody listens. */
  readonly delaysMs: readonly number[];
  /** Copies that came to a process that was gone by then. */
  missed: number;
}

/** One line of the log, or a message between two processes, whose content the log leaves out. */
export type LogEntry =
  | { readonly atMs: number; readonly who: string; readonly what: string }
  | { readonly atMs: number; readonly message: SeenMessage };

/**
 * What happened in a run, line by line, in the order in which it happened. Only the hash of the lines is kept unless they are asked for: a run is
 * repeated exactly from its seed, so the lines of a failed one are made when they are wanted.
 */
export class EventLog {
  readonly #hash = createHash('sha256');
  readonly #nowMs: () => number;
  readonly #keep: boolean;
  readonly #lines: string[] = [];
  readonly #entries: LogEntry[] = [];
  #waiting: string[] = [];
  #count = 0;

  constructor(nowMs: () => number, keep: boolean) {
    this.#nowMs = nowMs;
    this.#keep = keep;
  }

  /** Lines so far. */
  get count(): number {
    return this.#count;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The lines by their parts, with the messages that were seen. */
  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  add(who: string, what: string): void {
    const atMs = this.#nowMs();
    const line = `${atMs.toFixed(3)} ${who} ${what}`;
    this.#count += 1;
    this.#waiting.push(line);
    if (this.#keep) {
      this.#lines.push(line);
      this.#entries.push({ atMs, who, what });
    }
    if (this.#waiting.length >= FLUSH_LINES) this.#flush();
  }

  /** A message that was sent; it is no line of the log. */
  addMessage(message: SeenMessage): void {
    this.#entries.push({ atMs: this.#nowMs(), message });
  }

  /** SHA-256 of all lines, in hex. The log is closed by it. */
  digest(): string {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #flush(): void {
    this.#hash.update(`${this.#waiting.join('\n')}\n`);
    this.#waiting = [];
  }
}
