import type { Clock } from '@ringfort/bus';
import type { SeededRandom, VirtualClock } from '../src/index.ts';

interface NodeTimer {
  fn: (() => void) | undefined;
  id: unknown;
}

/**
 * The clock of one node: the cluster's virtual time, with what can happen to one machine. A killed one never calls back again; a paused one
 * holds what falls due until it is resumed (SIGSTOP); a slow one calls back late, in order; its wall clock may be wrong, and run fast or slow.
 */
export class NodeClock implements Clock {
  readonly #world: VirtualClock;
  readonly #random: SeededRandom;
  #wallOffsetMs: number;
  /** What the wall clock gains per millisecond, since when. */
  #gain = 0;
  #gainSinceMs = 0;
  #alive = true;
  #paused = false;
  #slowMs = 0;
  #busyUntilMs = 0;
  #held: (() => void)[] = [];
  /** Callbacks that are late: what happens meanwhile comes after them. */
  #queued = 0;

  constructor(world: VirtualClock, random: SeededRandom, wallOffsetMs = 0) {
    this.#world = world;
    this.#random = random;
    this.#wallOffsetMs = wallOffsetMs;
    // xstate calls clock methods detached.
    this.now = this.now.bind(this);
    this.monotonicMs = this.monotonicMs.bind(this);
    this.setTimeout = this.setTimeout.bind(this);
    this.clearTimeout = this.clearTimeout.bind(this);
  }

  get alive(): boolean {
    return this.#alive;
  }

  get wallOffsetMs(): number {
    return this.#wallOffsetMs + (this.#world.monotonicMs() - this.#gainSinceMs) * this.#gain;
  }

  /** In whole milliseconds, as the system's. */
  now(): number {
    return Math.floor(this.#world.now() + this.wallOffsetMs);
  }

  monotonicMs(): number {
    return this.#world.monotonicMs();
  }

  setTimeout(fn: () => void, delayMs: number): NodeTimer {
    const timer: NodeTimer = { fn, id: undefined };
    timer.id = this.#world.setTimeout(() => this.run(() => fire(timer)), delayMs);
    return timer;
  }

  clearTimeout(id: unknown): void {
    if (typeof id !== 'object' || id === null || !('fn' in id)) return;
    const timer = id as NodeTimer;
    timer.fn = undefined;
    this.#world.clearTimeout(timer.id);
  }

  /** Runs what happens to the node now, or when it can: later when it is slow or paused, never when it is dead. */
  run(work: () => void): void {
    if (!this.#alive) return;
    if (this.#paused) this.#held.push(work);
    else if (this.#slowMs > 0 || this.#queued > 0) this.#later(work);
    else work();
  }

  kill(): void {
    this.#alive = false;
    this.#held = [];
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const held = this.#held;
    this.#held = [];
    for (const work of held) this.#later(work);
  }

  /** Each callback comes up to `maxMs` late; 0: in time again. */
  slow(maxMs: number): void {
    this.#slowMs = maxMs;
  }

  /** Moves the wall clock; timers do not notice. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** The wall clock gains so much per millisecond from now on (or loses it); 0: it runs as it should, and stays as wrong as it is. */
  drift(gain: number): void {
    this.#wallOffsetMs = this.wallOffsetMs;
    this.#gainSinceMs = this.#world.monotonicMs();
    this.#gain = gain;
  }

  #later(work: () => void): void {
    const nowMs = this.#world.monotonicMs();
    const lateMs = this.#slowMs > 0 ? this.#random.float() * this.#slowMs : 0;
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs + lateMs);
    this.#queued += 1;
    this.#world.setTimeout(() => {
      this.#queued -= 1;
      if (!this.#alive) return;
      if (this.#paused) this.#held.push(work);
      else work();
    }, this.#busyUntilMs - nowMs);
  }
}

function fire(timer: NodeTimer): void {
  const { fn } = timer;
  timer.fn = undefined;
  fn?.();
}
