import type { Done } from '@ringfort/bus';

/** One numbered write: its result, or who waits for it. */
interface Entry<Result> {
  waiting: Done<Result>[] | undefined;
  error: Error | undefined;
  result: Result | undefined;
}

/** Results of numbered writes, to recognise a duplicate: the oldest is forgotten when the window is full. */
export class DuplicateWindow<Result> {
  readonly #entries = new Map<string, Entry<Result>>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /**
   * Runs the write, unless this very number is under way or was answered: then its result is shared. A write that failed without being
   * applied may be tried again under the same number.
   */
  once(
    session: string | undefined,
    seq: number | undefined,
    write: (done: Done<Result>) => void,
    done: Done<Result>,
  ): void {
    if (session === undefined || seq === undefined) {
      write(done);
      return;
    }
    const name = `${session}:${seq}`;
    const known = this.#entries.get(name);
    if (known !== undefined) {
      if (known.waiting === undefined) done(known.error, known.result);
      else known.waiting.push(done);
      return;
    }
    const entry: Entry<Result> = { waiting: [done], error: undefined, result: undefined };
    if (this.#entries.size >= this.#size) this.#entries.delete(this.#entries.keys().next().value!);
    this.#entries.set(name, entry);
    const ended: Done<Result> = (error, result) => this.#ended(name, entry, error, result);
    try {
      write(ended);
    } catch (error) {
      ended(error as Error);
    }
  }

  #ended(name: string, entry: Entry<Result>, error: Error | undefined, result: Result | undefined): void {
    const { waiting } = entry;
    if (waiting === undefined) return;
    entry.waiting = undefined;
    entry.error = error;
    entry.result = result;
    if (error !== undefined && !isIndeterminate(error) && this.#entries.get(name) === entry) this.#entries.delete(name);
    for (const done of waiting) done(error, result);
  }
}

function isIndeterminate(error: Error & { readonly details?: { readonly outcome?: unknown } }): boolean {
  return error.details?.outcome === 'indeterminate';
}
