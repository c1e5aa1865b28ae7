import type { Clock } from '@ringfort/bus';
import { ClockRunawayError } from './errors.ts';
import { type Timer, TimerHeap } from './timer-heap.ts';

export interface VirtualClockOptions {
  /** What `now()` says at the start, in Unix milliseconds; 0 by default. */
  readonly startMs?: number;
  /** How many timers may run in one call of `advance` or `runUntilIdle`; 1,000,000 by default. */
  readonly maxTimers?: number;
}

/** Time that stands still until it is told to pass. It is also a clock for xstate's `createActor(machine, { clock })`. */
export interface VirtualClock extends Clock {
  /** Timers that have been set and have neither run nor been cleared. */
  readonly pending: number;
  /** When the next timer is due, in `monotonicMs`. */
  readonly nextDueMs: number | undefined;
  /** Lets `ms` pass: runs every timer that falls due, in order, those that they set included. @throws `CLOCK_RUNAWAY` */
  advance(ms: number): void;
  /** Runs timers, and lets time pass, until none is left. Returns how many ran. @throws `CLOCK_RUNAWAY` */
  runUntilIdle(): number;
  /** As `advance`, but promises settle between timers, as they do in a real event loop. */
  advanceAsync(ms: number): Promise<void>;
  /** As `runUntilIdle`, but promises settle between timers. */
  runUntilIdleAsync(): Promise<number>;
  /** Lets promises settle without letting time pass. */
  settle(): Promise<void>;
  /** Moves the wall clock (`now`) by `ms`, forwards or back, without touching timers or `monotonicMs`: an operator sets the clock. */
  jump(ms: number): void;
}

const DEFAULT_MAX_TIMERS = 1_000_000;
/** Kept from the start: the simulator's trap, which watches the globals, is not meant for these. */
const nextTurn = globalThis.setImmediate;
const forget = globalThis.clearImmediate;
/** Timers per turn of the event loop. Between two immediates of one turn all microtasks run, and a turn costs a system call. */
const TIMERS_PER_TURN = 64;

/** A clock on virtual time, at which a whole cluster can run in one process. Timers due at the same time run in the order they were set. */
export function virtualClock(options: VirtualClockOptions = {}): VirtualClock {
  return new HeapClock(options.startMs ?? 0, options.maxTimers ?? DEFAULT_MAX_TIMERS);
}

class HeapClock implements VirtualClock {
  readonly #heap = new TimerHeap();
  readonly #maxTimers: number;
  #elapsedMs = 0;
  #wallOffsetMs: number;

  constructor(startMs: number, maxTimers: number) {
    this.#wallOffsetMs = startMs;
    this.#maxTimers = maxTimers;
    // xstate calls clock methods detached.
    this.now = this.now.bind(this);
    this.monotonicMs = this.monotonicMs.bind(this);
    this.setTimeout = this.setTimeout.bind(this);
    this.clearTimeout = this.clearTimeout.bind(this);
  }

  get pending(): number {
    return this.#heap.size;
  }

  get nextDueMs(): number | undefined {
    return this.#heap.peek()?.atMs;
  }

  now(): number {
    return this.#wallOffsetMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  setTimeout(fn: () => void, delayMs: number): Timer {
    return this.#heap.add(this.#elapsedMs + Math.max(0, delayMs || 0), fn);
  }

  clearTimeout(id: unknown): void {
    if (isTimer(id)) this.#heap.remove(id);
  }

  jump(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  advance(ms: number): void {
    const targetMs = this.#elapsedMs + ms;
    for (let ran = 0; this.#runNext(targetMs, ran); ran += 1);
    this.#elapsedMs = Math.max(this.#elapsedMs, targetMs);
  }

  runUntilIdle(): number {
    let ran = 0;
    while (this.#runNext(Number.POSITIVE_INFINITY, ran)) ran += 1;
    return ran;
  }

  async advanceAsync(ms: number): Promise<void> {
    await this.#drainAsync(this.#elapsedMs + ms);
  }

  async runUntilIdleAsync(): Promise<number> {
    return this.#drainAsync(Number.POSITIVE_INFINITY);
  }

  settle(): Promise<void> {
    // Every microtask, and every one that it queues, has run by the next turn of the event loop.
    return new Promise((resolve) => {
      nextTurn(resolve);
    });
  }

  /** One timer per immediate: a callback for each, as a promise for each would cost more than most timers do. */
  #drainAsync(targetMs: number): Promise<number> {
    let ran = 0;
    let turn: NodeJS.Immediate[] = [];
    return new Promise((resolve, reject) => {
      const end = (how: () => void) => {
        for (const immediate of turn) forget(immediate);
        how();
      };
      const step = () => {
        try {
          if (this.#runNext(targetMs, ran)) {
            ran += 1;
            if (ran % TIMERS_PER_TURN === 0) takeTurn();
            return;
          }
        } catch (error) {
          end(() => reject(error));
          return;
        }
        if (Number.isFinite(targetMs)) this.#elapsedMs = Math.max(this.#elapsedMs, targetMs);
        end(() => resolve(ran));
      };
      const takeTurn = () => {
        turn = Array.from({ length: TIMERS_PER_TURN }, () => nextTurn(step));
      };
      takeTurn();
    });
  }

  /** Runs the earliest timer if it is due by `targetMs`; `ran` timers have run before it in this step. */
  #runNext(targetMs: number, ran: number): boolean {
    const timer = this.#heap.peek();
    if (timer === undefined || timer.atMs > targetMs) return false;
    if (ran >= this.#maxTimers) throw new ClockRunawayError(this.#maxTimers, this.#elapsedMs);
    this.#heap.remove(timer);
    this.#elapsedMs = Math.max(this.#elapsedMs, timer.atMs);
    timer.fn();
    return true;
  }
}

function isTimer(id: unknown): id is Timer {
  return typeof id === 'object' && id !== null && 'index' in id && 'order' in id;
}
