/** Who gives dots: `<run id, 16 hex digits>-<number, base 36>`. Never reused. */
export type ActorId = string;

/** One write event: the counter-th dot of an actor; counters start at 1. */
export interface Dot {
  readonly actor: ActorId;
  readonly counter: number;
}

/** What is known: a version vector (all dots of an actor up to a counter) plus detached dots beyond it. */
export interface Context {
  readonly vector: ReadonlyMap<ActorId, number>;
  /** Detached dots: per actor, sorted counters, each above the vector's entry + 1. */
  readonly cloud: ReadonlyMap<ActorId, readonly number[]>;
  /**
   * The highest LWW stamp that whoever holds this context has seen; only in contexts of LWW buckets, never in an object's clock.
   * A write with this context takes a higher stamp, so the order of stamps never contradicts causality.
   */
  readonly stamp?: HlcStamp | undefined;
}

/** Hybrid logical clock stamp of LWW buckets: wall milliseconds, then a logical counter. */
export interface HlcStamp {
  readonly wallMs: number;
  readonly logical: number;
}

/** What a client writes. `value: undefined` is a tombstone. */
export interface Payload {
  readonly value: Uint8Array | undefined;
  readonly contentType: string;
  /** Unix milliseconds after which reads treat it as absent. */
  readonly expiresAtMs?: number | undefined;
  /** Only in LWW buckets. */
  readonly stamp?: HlcStamp | undefined;
}

export interface Sibling extends Payload {
  readonly dot: Dot;
}

/** The replicated part of a record: siblings sorted by dot, and every dot it has seen. */
export interface VersionedObject {
  readonly siblings: readonly Sibling[];
  readonly clock: Context;
}
