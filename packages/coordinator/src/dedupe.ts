/** Results of numbered writes, to recognise a duplicate: the oldest is forgotten when the window is full. */
export class DuplicateWindow<Result> {
  readonly #results = new Map<string, Promise<Result>>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /**
   * Runs the write, unless this very number is under way or was answered: then its result is shared. A write that failed without being
   * applied may be tried again under the same number.
   */
  once(session: string | undefined, seq: number | undefined, write: () => Promise<Result>): Promise<Result> {
    if (session === undefined || seq === undefined) return write();
    const name = `${session}:${seq}`;
    const known = this.#results.get(name);
    if (known !== undefined) return known;
    const result = write();
    if (this.#results.size >= this.#size) this.#results.delete(this.#results.keys().next().value!);
    this.#results.set(name, result);
    result.then(undefined, (error: { details?: { outcome?: unknown } }) => {
      if (error?.details?.outcome !== 'indeterminate' && this.#results.get(name) === result) this.#results.delete(name);
    });
    return result;
  }
}
