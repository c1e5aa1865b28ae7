import type { Waiting } from './group-commit.ts';
import type { WriteDone } from './port.ts';
import type { Stage } from './stage.ts';
import type { Written } from './write-core.ts';

export const nothingWritten: Written = { digest: '', merged: undefined };

/** A write that waits for its batch, and then perhaps for the disk. */
export class PendingWrite implements Waiting<Stage> {
  /** Whether it is answered only when on disk. */
  readonly waits: boolean;
  readonly #done: WriteDone;
  readonly #apply: (stage: Stage) => Written;
  #written: Written = nothingWritten;

  constructor(waits: boolean, done: WriteDone, apply: (stage: Stage) => Written) {
    this.waits = waits;
    this.#done = done;
    this.#apply = apply;
  }

  stage(stage: Stage): void {
    this.#written = this.#apply(stage);
  }

  answer(durable: boolean): void {
    this.#done(undefined, { digest: this.#written.digest, merged: this.#written.merged, durable });
  }

  refuse(error: unknown): void {
    this.#done(error as Error, undefined);
  }
}
