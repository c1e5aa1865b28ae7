import type { Waiting } from './group-commit.ts';
import type { RecordId, WriteDone, WriteOptions, WriteResult } from './port.ts';
import type { RecordView } from './record-codec.ts';
import type { Stage } from './stage.ts';
import { stageWrite, type Written } from './write-core.ts';

/** A write that waits for its batch, and then perhaps for the disk; it is its own result, so that answering makes nothing. */
export abstract class PendingWrite implements Waiting<Stage>, WriteResult {
  /** Whether it is answered only when on disk. */
  readonly waits: boolean;
  merged: Uint8Array | undefined = undefined;
  durable = false;
  readonly #done: WriteDone;
  #after: RecordView | undefined = undefined;

  constructor(waits: boolean, done: WriteDone) {
    this.waits = waits;
    this.#done = done;
  }

  abstract stage(stage: Stage): void;

  protected staged({ after, merged }: Written): void {
    this.#after = after;
    this.merged = merged;
  }

  /** Made when it is asked for: few do. */
  get digest(): string {
    return this.#after?.digest ?? '';
  }

  answer(durable: boolean): void {
    this.durable = durable;
    this.#done(undefined, this);
  }

  refuse(error: unknown): void {
    this.#done(error as Error, undefined);
  }
}

/** What a record's write needs of the store. */
export interface WriteRules {
  /** @throws BARRIER_BEHIND */
  check(partition: number, barrier: number | undefined): void;
  told(id: RecordId, standIn: boolean, written: Written): void;
}

/** The write of a primary record: the hot path. */
export class RecordWrite extends PendingWrite {
  readonly #rules: WriteRules;
  readonly #id: RecordId;
  readonly #bytes: Uint8Array;
  readonly #options: WriteOptions;

  constructor(
    rules: WriteRules,
    id: RecordId,
    bytes: Uint8Array,
    options: WriteOptions,
    waits: boolean,
    done: WriteDone,
  ) {
    super(waits, done);
    this.#rules = rules;
    this.#id = id;
    this.#bytes = bytes;
    this.#options = options;
  }

  stage(stage: Stage): void {
    const id = this.#id;
    this.#rules.check(id.partition, this.#options.barrier);
    const written = stageWrite(stage, id, this.#bytes, this.#options.actor);
    this.staged(written);
    if (written.foreign !== undefined) this.#rules.told(id, false, written);
  }
}

/** Any other change; `apply` answers what it did to a record, if it is a record's. */
export class OtherWrite extends PendingWrite {
  readonly #apply: (stage: Stage) => Written | undefined;

  constructor(waits: boolean, done: WriteDone, apply: (stage: Stage) => Written | undefined) {
    super(waits, done);
    this.#apply = apply;
  }

  stage(stage: Stage): void {
    const written = this.#apply(stage);
    if (written !== undefined) this.staged(written);
  }
}
