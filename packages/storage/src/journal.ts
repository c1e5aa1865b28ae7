/** Where batches are made safe before they count. */
export interface Journal {
  /** Whether all that was appended is on disk. */
  readonly durable: boolean;
  /** Bytes in the file that is being written. */
  readonly bytes: number;
  /** Hands one frame to the operating system: it survives this process. The frame's memory is not kept. @throws STORE_FULL, STORE_SYNC_FAILED */
  append(frame: Uint8Array): void;
  /** Resolves when all that was appended so far is on disk. Calls at the same time share one flush. */
  sync(): Promise<void>;
  /** Goes on in the other file, from its start. What that one held must be in the table below. */
  rotate(): void;
  close(): Promise<void>;
}

/** One flush at a time; whoever asks during one gets the next. */
export class SharedFlush {
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  readonly #flush: () => Promise<void>;

  constructor(flush: () => Promise<void>) {
    this.#flush = flush;
  }

  run(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#flush().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => undefined) // told to those who asked for that one
      .then(() => {
        this.#next = undefined;
        return this.run();
      });
    return this.#next;
  }
}
