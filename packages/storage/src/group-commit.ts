import { StoreClosedError, StoreOverloadedError } from './errors.ts';

/** One write that waits for the next batch. */
export interface Waiting<Context> {
  /** Stages the write; what it throws refuses this write alone. Answers what to do once the batch is committed. */
  readonly stage: (context: Context) => () => void;
  readonly refuse: (error: unknown) => void;
}

export interface GroupCommitOptions<Context> {
  /** Calls back once the work of this turn of the event loop has been taken in. */
  readonly nextTurn: (fn: () => void) => void;
  /** Undefined: there is room for a batch; else when to look again. What it throws or rejects with refuses all that wait. */
  readonly makeRoom: () => Promise<void> | undefined;
  readonly begin: () => Context;
  /** Makes the batch count, or throws: then all of it is refused. */
  readonly commit: (context: Context) => void;
  readonly maxBatch: number;
  readonly maxQueued: number;
}

/** Runs the writes of one turn of the event loop as one batch. */
export class GroupCommit<Context> {
  readonly #options: GroupCommitOptions<Context>;
  #queue: Waiting<Context>[] = [];
  #scheduled = false;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(options: GroupCommitOptions<Context>) {
    this.#options = options;
  }

  add(waiting: Waiting<Context>): void {
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
    this.#options.nextTurn(() => this.#run());
  }

  #run(): void {
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
    const { begin, commit, maxBatch } = this.#options;
    const batch = this.#queue.length <= maxBatch ? this.#queue : this.#queue.slice(0, maxBatch);
    this.#queue = this.#queue.length <= maxBatch ? [] : this.#queue.slice(maxBatch);
    const context = begin();
    const staged: [Waiting<Context>, () => void][] = [];
    for (const waiting of batch) {
      try {
        staged.push([waiting, waiting.stage(context)]);
      } catch (error) {
        waiting.refuse(error);
      }
    }
    try {
      commit(context);
    } catch (error) {
      for (const [waiting] of staged) waiting.refuse(error);
      return;
    }
    for (const [, committed] of staged) committed();
  }

  #refuseAll(error: unknown): void {
    const refused = this.#queue;
    this.#queue = [];
    for (const { refuse } of refused) refuse(error);
  }
}
