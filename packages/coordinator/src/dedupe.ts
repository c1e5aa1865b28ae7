import type { Done } from '@ringfort/bus';

/** One numbered write: who waits for its result, or the result. */
interface Entry<Result> {
  waiting: Done<Result>[] | undefined;
  error: Error | undefined;
  result: Result | undefined;
}

/** Numbered writes by session, then by number. */
type Generation<Result> = Map<string, Map<number, Entry<Result>>>;

/**
 * Results of numbered writes, to recognise a duplicate: at least the last `size`, at most twice as many. They are forgotten a generation at a
 * time; a map whose oldest entry is deleted at each write has to step over all that were deleted before.
 */
export class DuplicateWindow<Result> {
  #recent: Generation<Result> = new Map();
  #older: Generation<Result> = new Map();
  #count = 0;
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /**
   * Runs the write, unless this very number is under way or was answered: then its result is shared, a refusal too. A network that delivers a refused
   * write once more would else have it applied after its client was told that it is not; who tries again does so at another node.
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
    const known = this.#recent.get(session)?.get(seq) ?? this.#older.get(session)?.get(seq);
    if (known === undefined) this.#run(session, seq, write, done);
    else if (known.waiting === undefined) done(known.error, known.result);
    else known.waiting.push(done);
  }

  #run(session: string, seq: number, write: (done: Done<Result>) => void, done: Done<Result>): void {
    const numbers = this.#numbersOf(session);
    const entry: Entry<Result> = { waiting: [done], error: undefined, result: undefined };
    numbers.set(seq, entry);
    this.#count += 1;
    const ended: Done<Result> = (error, result) => {
      end(entry, error, result);
    };
    try {
      write(ended);
    } catch (error) {
      ended(error as Error);
    }
  }

  #numbersOf(session: string): Map<number, Entry<Result>> {
    if (this.#count >= this.#size) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#count = 0;
    }
    let numbers = this.#recent.get(session);
    if (numbers === undefined) {
      numbers = new Map();
      this.#recent.set(session, numbers);
    }
    return numbers;
  }
}

function end<Result>(entry: Entry<Result>, error: Error | undefined, result: Result | undefined): void {
  const { waiting } = entry;
  if (waiting === undefined) return;
  entry.waiting = undefined;
  entry.error = error;
  entry.result = result;
  for (const done of waiting) done(error, result);
}
