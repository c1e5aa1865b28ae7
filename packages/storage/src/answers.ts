import type { Clock } from '@ringfort/bus';
import type { Journal } from './journal.ts';
import type { PendingWrite } from './pending-write.ts';

export interface AnswersOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  /** How long a committed write may stay unsynced when nobody waits for the disk. */
  readonly syncIntervalMs: number;
}

/** Answers committed writes: at once, or when they are on disk. */
export class Answers {
  readonly #options: AnswersOptions;
  readonly #intervalOver = () => this.#syncUnasked();
  /** Those that wait for the next flush. */
  #waiting: PendingWrite[] = [];
  #isFlushing = false;
  #syncTimer: unknown;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  committed(batch: readonly PendingWrite[]): void {
    const { durable } = this.#options.journal;
    for (const write of batch) {
      if (durable || !write.waits) write.answer(durable);
      else this.#waiting.push(write);
    }
    if (this.#waiting.length > 0) this.#flush();
    else if (!durable)
      this.#syncTimer ??= this.#options.clock.setTimeout(this.#intervalOver, this.#options.syncIntervalMs);
  }

  /** Nobody is about to write any more; whoever waits is answered still. */
  close(): void {
    this.#options.clock.clearTimeout(this.#syncTimer);
  }

  /** One at a time: who comes during one waits for the next. */
  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    const writes = this.#waiting;
    this.#waiting = [];
    this.#options.journal.flush((error) => {
      this.#isFlushing = false;
      if (this.#waiting.length > 0) this.#flush();
      for (const write of writes) {
        if (error === undefined) write.answer(true);
        else write.refuse(error);
      }
    });
  }

  #syncUnasked(): void {
    this.#syncTimer = undefined;
    this.#options.journal.flush(() => undefined); // a failure is kept by the journal: the next write is refused with it
  }
}
