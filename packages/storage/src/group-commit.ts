import { StoreClosedError, StoreOverloadedError } from './errors.ts';

/** One write that waits for the next batch. */
export interface Waiting<Context> {
  /** Stages the write; what it throws refuses this write alone. */
  stage(context: Context): void;
  refuse(error: unknown): void;
}

export interface GroupCommitOptions<Context, One extends Waiting<Context>> {
  /** Calls back once the work of this turn of the event loop has been taken in. */
  readonly nextTurn: (fn: () => void) => void;
  /** Undefined: there is room for a batch; else when to look again. What it throws or rejects with refuses all that wait. */
  readonly makeRoom: () => Promise<void> | undefined;
  readonly begin: () => Context;
  /** Makes the batch count, or throws: then all of it is refused. */
  readonly commit: (context: Context) => void;
  /** The batch counts: these are its writes. */
  readonly committed: (batch: readonly One[]) => void;
  readonly maxBatch: number;
  readonly maxQueued: number;
}

/** Runs the writes of one turn of the event loop as one batch. */
export class GroupCommit<Context, One extends Waiting<Context>> {
  readonly #options: GroupCommitOptions<Context, One>;
  readonly #run = () => this.#runNext();
  #queue: One[] = [];
  #scheduled = false;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(options: GroupCommitOptions<Context, One>) {
    this.#options = options;
  }

  add(waiting: One): void {
    const { maxQueued } = this.#options;
    if (this.#closed) waiting.refuse(new StoreClosedError());
    else if (this.#queue.length >= maxQueued) waiting.refuse(new StoreOverloadedError(maxQueued));
    else {
      this.#queue.push(waiting);
      this.#schedule();
    }
  }

  /** Takes no more writes; resolves when those that wait have been answered. */
  close(): Promise<void> {
    this.#closed = true;
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    this.#options.nextTurn(this.#run);
  }

  #runNext(): void {
    let room: Promise<void> | undefined;
    try {
      room = this.#options.makeRoom();
    } catch (error) {
      this.#refuseAll(error);
    }
    if (room === undefined) {
      if (this.#queue.length > 0) this.#runBatch();
      this.#again();
    } else room.catch((error: unknown) => this.#refuseAll(error)).then(() => this.#again());
  }

  #again(): void {
    this.#scheduled = false;
    if (this.#queue.length === 0) this.#idle?.();
    this.#schedule();
  }

  #runBatch(): void {
    const { begin, commit, committed, maxBatch } = this.#options;
    const batch = this.#queue.length <= maxBatch ? this.#queue : this.#queue.slice(0, maxBatch);
    this.#queue = this.#queue.length <= maxBatch ? [] : this.#queue.slice(maxBatch);
    const context = begin();
    let staged = 0;
    for (const waiting of batch) {
      try {
        waiting.stage(context);
        batch[staged++] = waiting;
      } catch (error) {
        waiting.refuse(error);
      }
    }
    batch.length = staged;
    try {
      commit(context);
    } catch (error) {
      for (const waiting of batch) waiting.refuse(error);
      return;
    }
    committed(batch);
  }

  #refuseAll(error: unknown): void {
    const refused = this.#queue;
    this.#queue = [];
    for (const waiting of refused) waiting.refuse(error);
  }
}
