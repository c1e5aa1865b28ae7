import { createHash } from 'node:crypto';

const FLUSH_LINES = 1024;

/**
 * What happened in a run, line by line, in the order in which it happened. Only the hash of the lines is kept unless they are asked for: a run is
 * repeated exactly from its seed, so the lines of a failed one are made when they are wanted.
 */
export class EventLog {
  readonly #hash = createHash('sha256');
  readonly #nowMs: () => number;
  readonly #keep: boolean;
  readonly #lines: string[] = [];
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

  add(who: string, what: string): void {
    const line = `${this.#nowMs().toFixed(3)} ${who} ${what}`;
    this.#count += 1;
    this.#waiting.push(line);
    if (this.#keep) this.#lines.push(line);
    if (this.#waiting.length >= FLUSH_LINES) this.#flush();
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
