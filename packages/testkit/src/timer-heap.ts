/** One timer of a {@link TimerHeap}; `index` is its place in the heap, -1 when it is not in it. */
export interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
  index: number;
}

/**
 * A binary heap of timers, the earliest first, and of those at one time the one that was added first.
 * Adding, taking and removing one of n timers costs O(log n).
 */
export class TimerHeap {
  readonly #timers: Timer[] = [];
  #nextOrder = 0;

  get size(): number {
    return this.#timers.length;
  }

  peek(): Timer | undefined {
    return this.#timers[0];
  }

  add(atMs: number, fn: () => void): Timer {
    const timer: Timer = { atMs, order: this.#nextOrder, fn, index: this.#timers.length };
    this.#nextOrder += 1;
    this.#timers.push(timer);
    this.#rise(timer);
    return timer;
  }

  /** Does nothing for a timer that is not in the heap (any more). */
  remove(timer: Timer): void {
    const { index } = timer;
    if (this.#timers[index] !== timer) return;
    timer.index = -1;
    const last = this.#timers.pop()!;
    if (last === timer) return;
    this.#place(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  #place(timer: Timer, index: number): void {
    this.#timers[index] = timer;
    timer.index = index;
  }

  #rise(timer: Timer): void {
    while (timer.index > 0) {
      const parent = this.#timers[(timer.index - 1) >> 1]!;
      if (!isBefore(timer, parent)) return;
      this.#swap(parent, timer);
    }
  }

  #sink(timer: Timer): void {
    for (;;) {
      const left = this.#timers[2 * timer.index + 1];
      if (left === undefined) return;
      const right = this.#timers[2 * timer.index + 2];
      const first = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(first, timer)) return;
      this.#swap(timer, first);
    }
  }

  /** Exchanges a parent and its child. */
  #swap(parent: Timer, child: Timer): void {
    const { index } = parent;
    this.#place(parent, child.index);
    this.#place(child, index);
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
