import type { Clock } from '@ringfort/bus';
import {
  type Bucket,
  fullBucket,
  isJudgementDue,
  judgeForeground,
  type RateRules,
  refill,
  spend,
  waitMs,
} from './transfer-rate-core.ts';

/** Bytes per second of all transfers of a node in one direction. It sets no timers: it is looked at when something is to be sent. */
export class RateLimiter {
  readonly #rules: RateRules;
  readonly #clock: Clock;
  readonly #foregroundP99Ms: () => number | undefined;
  #bucket: Bucket;

  constructor(rules: RateRules, clock: Clock, foregroundP99Ms: () => number | undefined) {
    this.#rules = rules;
    this.#clock = clock;
    this.#foregroundP99Ms = foregroundP99Ms;
    this.#bucket = fullBucket(rules, clock.monotonicMs());
  }

  get bytesPerSecond(): number {
    return this.#bucket.bytesPerSecond;
  }

  /** How long until something may be sent, at most until the foreground is looked at again; 0: now. */
  waitMs(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#bucket = refill(this.#bucket, this.#rules, nowMs);
    if (isJudgementDue(this.#bucket, this.#rules, nowMs))
      this.#bucket = judgeForeground(this.#bucket, this.#rules, this.#foregroundP99Ms());
    return Math.min(waitMs(this.#bucket), this.#rules.foregroundIntervalMs);
  }

  spend(bytes: number): void {
    this.#bucket = spend(this.#bucket, bytes);
  }
}
