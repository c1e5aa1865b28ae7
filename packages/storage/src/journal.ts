import type { Clock } from '@ringfort/bus';

/** Where batches are made safe before they count. */
export interface Journal {
  /** Whether all that was appended is on disk. */
  readonly durable: boolean;
  /** Bytes in the file that is being written. */
  readonly bytes: number;
  /** Hands one frame to the operating system: it survives this process. @throws STORE_FULL, STORE_SYNC_FAILED */
  append(frame: Uint8Array): void;
  /** Resolves when all that was appended so far is on disk. Calls at the same time share one flush. */
  sync(): Promise<void>;
  /** Goes on in the other file, from its start. What that one held must be in the table below. */
  rotate(): void;
  close(): Promise<void>;
}

/** How often a disk is asked to flush. */
export interface FlushPace {
  readonly clock: Clock;
  /** Between the starts of two flushes, at least. A flush costs the CPU as much as ten writes, however much it flushes. */
  readonly gapMs: number;
}

/** One flush at a time; whoever asks before it has begun shares it, whoever asks later gets the next. */
export class SharedFlush {
  #running: Promise<void> | undefined;
  #begun = false;
  #begunMs = Number.NEGATIVE_INFINITY;
  #next: Promise<void> | undefined;
  readonly #flush: () => Promise<void>;
  readonly #pace: FlushPace | undefined;

  constructor(flush: () => Promise<void>, pace?: FlushPace) {
    this.#flush = flush;
    this.#pace = pace;
  }

  run(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#flushInTime().finally(() => {
        this.#running = undefined;
        this.#begun = false;
      });
      return this.#running;
    }
    if (!this.#begun) return this.#running;
    this.#next ??= this.#running
      .catch(() => undefined) // told to those who asked for that one
      .then(() => {
        this.#next = undefined;
        return this.run();
      });
    return this.#next;
  }

  async #flushInTime(): Promise<void> {
    if (this.#pace !== undefined) {
      const { clock, gapMs } = this.#pace;
      const waitMs = this.#begunMs + gapMs - clock.monotonicMs();
      if (waitMs > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, waitMs));
      this.#begunMs = clock.monotonicMs();
    }
    this.#begun = true;
    await this.#flush();
  }
}
