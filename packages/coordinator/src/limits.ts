/** Bounds of a coordinator; each is checked where a request enters, with a named error. */
export interface CoordinatorLimits {
  /** Requests under way at once, beyond which new ones fail with `OVERLOADED`. */
  readonly maxInFlight: number;
  /** While most requests take longer, no more are let in than end within this time; beyond, `OVERLOADED` as well. */
  readonly queueMs: number;
  readonly maxKeyBytes: number;
  readonly maxBucketBytes: number;
  readonly maxValueBytes: number;
  readonly maxSiblings: number;
  /** An object with all its siblings: what one message between replicas may carry. */
  readonly maxObjectBytes: number;
  /** Entries of a context handed to a client; forgetting one costs a sibling too many, never a loss. */
  readonly maxContextEntries: number;
  /** Deadline of a request that names none. */
  readonly defaultTimeoutMs: number;
  /** A replica that is silent for so long is taken for hung: a stand-in is asked in its place. Longer while all answer slowly. */
  readonly hedgeMs: number;
  /** What the hedge may grow to. */
  readonly hedgeMaxMs: number;
  /** Numbered writes whose results are remembered, to recognise a duplicate. */
  readonly dedupeWindow: number;
  /** Hints delivered to one target at a time. */
  readonly handoffWindow: number;
  /** Pace of delivery to one target. */
  readonly handoffBytesPerSecond: number;
}

export const defaultLimits: CoordinatorLimits = Object.freeze({
  maxInFlight: 4096,
  queueMs: 500,
  maxKeyBytes: 1024,
  maxBucketBytes: 128,
  maxValueBytes: 512 * 1024,
  maxSiblings: 64,
  maxObjectBytes: 8 * 1024 * 1024,
  maxContextEntries: 64,
  defaultTimeoutMs: 2000,
  hedgeMs: 150,
  hedgeMaxMs: 1000,
  dedupeWindow: 8192,
  handoffWindow: 16,
  handoffBytesPerSecond: 16 * 1024 * 1024,
});
