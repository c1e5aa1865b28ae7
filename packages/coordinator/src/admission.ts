import type { Clock } from '@ringfort/bus';
import { OverloadedError } from './errors.ts';

/** How long is looked at before it is judged. */
const WINDOW_MS = 200;
/** A pause, of this process or of its disk, makes one window's requests slow: it leaves no queue behind. */
const SLOW_WINDOWS = 2;
/** So few may always be under way: hung peers or a slow disk make requests wait as well, but no queue of this node's own. */
const MIN_IN_FLIGHT = 64;
/** Per window, once no queue stands: what is let in shows in the times only half a second later. */
const GROWTH = 1.2;

/**
 * Bounds the requests under way, by their number and by how long they take. A number alone does not keep a node out of trouble: with 4,096 requests under
 * way and a thousand served a second, each waits for longer than its deadline, and all work is done for nobody. So when most requests of a while took
 * longer than `queueMs`, a queue stands (as in CoDel, RFC 8289), and no more are let in than end within that time (Little's law). A burst that is soon
 * worked off meets no limit.
 */
export class Admission {
  readonly #clock: Clock;
  readonly #maxInFlight: number;
  readonly #queueMs: number;
  #sinceMs = 0;
  #served = 0;
  #slow = 0;
  #slowWindows = 0;
  #limit: number;
  /** Told to thousands a second while they are refused: the trace of its stack would cost more than the refusal. */
  #refusal: OverloadedError | undefined;

  constructor(clock: Clock, limits: { readonly maxInFlight: number; readonly queueMs: number }) {
    this.#clock = clock;
    this.#maxInFlight = limits.maxInFlight;
    this.#queueMs = limits.queueMs;
    this.#limit = limits.maxInFlight;
  }

  /** Says how many may be under way now; the same error as long as that is the same number. */
  get refusal(): OverloadedError {
    if (this.#refusal?.maxInFlight !== this.#limit) this.#refusal = new OverloadedError(this.#limit);
    return this.#refusal;
  }

  /** Whether one more is refused, with so many under way. */
  refuses(inFlight: number): boolean {
    if (inFlight === 0) {
      this.#begin(this.#clock.monotonicMs());
      this.#slowWindows = 0;
      this.#limit = this.#maxInFlight;
    } else if (inFlight >= MIN_IN_FLIGHT) {
      this.#judge();
    }
    return inFlight >= this.#limit;
  }

  /** A request was served, after so long. */
  served(tookMs: number): void {
    this.#served += 1;
    if (tookMs > this.#queueMs) this.#slow += 1;
  }

  #judge(): void {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < WINDOW_MS) return;
    this.#slowWindows = 2 * this.#slow >= this.#served ? this.#slowWindows + 1 : 0;
    const queueStands = this.#slowWindows >= SLOW_WINDOWS;
    const sustained = Math.floor((this.#served * this.#queueMs) / elapsedMs);
    const grown = this.#slowWindows > 0 ? this.#limit : Math.ceil(this.#limit * GROWTH);
    const wanted = queueStands ? Math.min(this.#limit, sustained) : grown;
    this.#limit = Math.min(this.#maxInFlight, Math.max(MIN_IN_FLIGHT, wanted));
    this.#begin(nowMs);
  }

  #begin(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#served = 0;
    this.#slow = 0;
  }
}
