import type { Clock } from '@ringfort/bus';

/** The clock of a process that can be stopped and continued (SIGSTOP, SIGCONT): meanwhile its timers wait, and time passes all the same. */
export class PausableClock implements Clock {
  readonly #base: Clock;
  #paused = false;
  #late: (() => void)[] = [];

  constructor(base: Clock) {
    this.#base = base;
  }

  now(): number {
    return this.#base.now();
  }

  monotonicMs(): number {
    return this.#base.monotonicMs();
  }

  setTimeout(fn: () => void, delayMs: number): { id: unknown; cancelled: boolean } {
    const handle = { id: undefined as unknown, cancelled: false };
    const run = () => {
      if (handle.cancelled) return;
      if (this.#paused) this.#late.push(run);
      else fn();
    };
    handle.id = this.#base.setTimeout(run, delayMs);
    return handle;
  }

  clearTimeout(id: unknown): void {
    if (id === undefined) return;
    const handle = id as { id: unknown; cancelled: boolean };
    handle.cancelled = true;
    this.#base.clearTimeout(handle.id);
  }

  stop(): void {
    this.#paused = true;
  }

  /** What fell due meanwhile runs now. */
  continue(): void {
    this.#paused = false;
    for (const run of this.#late.splice(0)) run();
  }
}
