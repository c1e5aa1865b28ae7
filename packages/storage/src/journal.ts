/** `error`: what it is that keeps the disk from holding what was appended. */
export type FlushDone = (error: Error | undefined) => void;

/** Where batches are made safe before they count. */
export interface Journal {
  /** Whether all that was appended is on disk. */
  readonly durable: boolean;
  /** Bytes in the file that is being written. */
  readonly bytes: number;
  /** Hands one frame to the operating system: it survives this process. The frame's memory is not kept. @throws STORE_FULL, STORE_SYNC_FAILED */
  append(frame: Uint8Array): void;
  /** Calls back, once, when all that was appended so far is on disk. Calls at the same time share one flush. */
  flush(done: FlushDone): void;
  /** Goes on in the other file, from its start. What that one held must be in the table below. */
  rotate(): void;
  close(): Promise<void>;
}

/** {@link Journal.flush} as a promise. */
export function sync(journal: Journal): Promise<void> {
  return new Promise((resolve, reject) => {
    journal.flush((error) => (error === undefined ? resolve() : reject(error)));
  });
}

/** One flush at a time; whoever asks during one gets the next. */
export class SharedFlush {
  readonly #flush: (done: FlushDone) => void;
  #isRunning = false;
  #next: FlushDone[] = [];

  constructor(flush: (done: FlushDone) => void) {
    this.#flush = flush;
  }

  run(done: FlushDone): void {
    this.#next.push(done);
    if (!this.#isRunning) this.#start();
  }

  #start(): void {
    const asked = this.#next;
    this.#next = [];
    this.#isRunning = true;
    this.#flush((error) => {
      this.#isRunning = false;
      // The disk need not wait for what those who asked do now.
      if (this.#next.length > 0) this.#start();
      for (const done of asked) done(error);
    });
  }
}
