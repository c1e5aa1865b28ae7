/** A bucket of bytes. It may be overdrawn by what was sent last, so that a frame may be larger than the burst. */
export interface Bucket {
  readonly tokens: number;
  readonly bytesPerSecond: number;
  /** Up to when it was filled, and when the foreground was last looked at; monotonic. */
  readonly filledMs: number;
  readonly judgedMs: number;
}

export interface RateRules {
  readonly maxBytesPerSecond: number;
  readonly minBytesPerSecond: number;
  readonly burstBytes: number;
  readonly foregroundP99LimitMs: number;
  readonly foregroundIntervalMs: number;
}

/** From half the rate back to all of it takes this many quiet intervals. */
const recoverySteps = 8;

export function fullBucket(rules: RateRules, nowMs: number): Bucket {
  const { burstBytes, maxBytesPerSecond } = rules;
  return { tokens: burstBytes, bytesPerSecond: maxBytesPerSecond, filledMs: nowMs, judgedMs: nowMs };
}

export function refill(bucket: Bucket, rules: RateRules, nowMs: number): Bucket {
  const added = ((nowMs - bucket.filledMs) / 1000) * bucket.bytesPerSecond;
  return { ...bucket, tokens: Math.min(rules.burstBytes, bucket.tokens + added), filledMs: nowMs };
}

/**
 * Halves the rate while the foreground is slow, and gives it back in equal steps (as TCP's congestion control does: fast down, slow up).
 * Call it once the interval is over, with a bucket that is filled up to now.
 */
export function judgeForeground(bucket: Bucket, rules: RateRules, foregroundP99Ms: number | undefined): Bucket {
  const { minBytesPerSecond, maxBytesPerSecond } = rules;
  const isSlow = foregroundP99Ms !== undefined && foregroundP99Ms > rules.foregroundP99LimitMs;
  const step = maxBytesPerSecond / (2 * recoverySteps);
  const wanted = isSlow ? bucket.bytesPerSecond / 2 : bucket.bytesPerSecond + step;
  const bytesPerSecond = Math.min(maxBytesPerSecond, Math.max(minBytesPerSecond, wanted));
  return { ...bucket, bytesPerSecond, judgedMs: bucket.filledMs };
}

export const isJudgementDue = (bucket: Bucket, rules: RateRules, nowMs: number): boolean =>
  nowMs - bucket.judgedMs >= rules.foregroundIntervalMs;

export const spend = (bucket: Bucket, bytes: number): Bucket => ({ ...bucket, tokens: bucket.tokens - bytes });

/** How long until something may be sent; 0: now. */
export function waitMs(bucket: Bucket): number {
  return bucket.tokens > 0 ? 0 : Math.max(1, Math.ceil(((1 - bucket.tokens) * 1000) / bucket.bytesPerSecond));
}
