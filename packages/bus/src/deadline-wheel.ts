import type { Clock } from './clock.ts';

const TICK_MS = 10;
const SLOTS = 1024;
const MASK = SLOTS - 1;
/** Marks of `tick` for a deadline in no slot. */
const IDLE = -1;
const DUE = -2;
/** The longest delay that timers take. */
const MAX_DELAY_MS = 0x7fffffff;

/** Something with a deadline; a subclass may be added to a wheel without any further allocation. */
export abstract class Deadline {
  /** @internal */ tick = IDLE;
  /** @internal */ previous: Deadline | undefined = undefined;
  /** @internal */ next: Deadline | undefined = undefined;
  /** Called once, at most one tick after the deadline. Must not throw. */
  abstract expire(): void;
}

class CallbackDeadline extends Deadline {
  readonly #fn: () => void;
  constructor(fn: () => void) {
    super();
    this.#fn = fn;
  }
  override expire(): void {
    this.#fn();
  }
}

/**
 * Many deadlines, one timer: a hashed wheel of 10 ms ticks (Varghese & Lauck, 1987, scheme 6). Adding and cancelling are O(1). The timer
 * is set only while deadlines are pending, and for the first slot that holds any.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #slots: (Deadline | undefined)[] = new Array(SLOTS).fill(undefined);
  #size = 0;
  /** Slots up to this tick have been emptied. */
  #done: number;
  #timer: unknown;
  #armedTick = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#done = Math.floor(clock.monotonicMs() / TICK_MS);
  }

  /** Deadlines that are pending. */
  get size(): number {
    return this.#size;
  }

  /** Calls `fn` once `clock.monotonicMs()` reaches `deadlineMs` (an absolute time), at most one tick later. */
  add(deadlineMs: number, fn: () => void): Deadline {
    const deadline = new CallbackDeadline(fn);
    this.set(deadline, deadlineMs);
    return deadline;
  }

  /** Calls `fn` in `delayMs`, at most one tick later. */
  after(delayMs: number, fn: () => void): Deadline {
    return this.add(this.#clock.monotonicMs() + delayMs, fn);
  }

  /** Adds `deadline`, which must not be pending: it has expired, was cancelled, or is new. */
  set(deadline: Deadline, deadlineMs: number): void {
    const tick = Math.max(Math.ceil(deadlineMs / TICK_MS), this.#done + 1);
    const slot = tick & MASK;
    const head = this.#slots[slot];
    deadline.tick = tick;
    deadline.next = head;
    if (head !== undefined) head.previous = deadline;
    this.#slots[slot] = deadline;
    this.#size++;
    if (tick < this.#armedTick) this.#arm(tick);
  }

  /** Forgets a deadline. Harmless when it has expired or was cancelled before. */
  cancel(deadline: Deadline): void {
    if (deadline.tick >= 0) this.#unlink(deadline);
    else deadline.tick = IDLE;
  }

  /** Forgets all. */
  clear(): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let entry = this.#slots[slot]; entry !== undefined; entry = this.#slots[slot]) this.#unlink(entry);
    }
    this.#disarm();
  }

  #unlink(deadline: Deadline): void {
    const { previous, next } = deadline;
    if (previous !== undefined) previous.next = next;
    else this.#slots[deadline.tick & MASK] = next;
    if (next !== undefined) next.previous = previous;
    deadline.previous = undefined;
    deadline.next = undefined;
    deadline.tick = IDLE;
    this.#size--;
  }

  #arm(tick: number): void {
    this.#disarm();
    this.#armedTick = tick;
    const delayMs = Math.max(0, tick * TICK_MS - this.#clock.monotonicMs());
    this.#timer = this.#clock.setTimeout(() => this.#wake(), Math.min(delayMs, MAX_DELAY_MS));
  }

  #disarm(): void {
    if (this.#armedTick !== Number.POSITIVE_INFINITY) this.#clock.clearTimeout(this.#timer);
    this.#armedTick = Number.POSITIVE_INFINITY;
  }

  #wake(): void {
    this.#armedTick = Number.POSITIVE_INFINITY;
    const now = Math.floor(this.#clock.monotonicMs() / TICK_MS);
    const first = Math.max(this.#done + 1, now - SLOTS + 1);
    this.#done = Math.max(this.#done, now);
    for (let tick = first; tick <= now; tick++) this.#expireSlot(tick & MASK, now);
    this.#sleep();
  }

  #expireSlot(slot: number, now: number): void {
    const due: Deadline[] = [];
    for (let entry = this.#slots[slot]; entry !== undefined; ) {
      const { next }: Deadline = entry;
      if (entry.tick <= now) {
        this.#unlink(entry);
        entry.tick = DUE;
        due.push(entry);
      }
      entry = next;
    }
    for (const deadline of due) {
      // An earlier one of this slot may have cancelled it, or set it again.
      if (deadline.tick !== DUE) continue;
      deadline.tick = IDLE;
      deadline.expire();
    }
  }

  /** Sets the timer for the first slot that holds anything; none when the wheel is empty. */
  #sleep(): void {
    if (this.#size === 0) {
      this.#disarm();
      return;
    }
    for (let tick = this.#done + 1; tick <= this.#done + SLOTS; tick++) {
      if (this.#slots[tick & MASK] === undefined) continue;
      // What expired may have set the timer already, for something later.
      if (tick < this.#armedTick) this.#arm(tick);
      return;
    }
  }
}
