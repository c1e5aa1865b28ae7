import type { Quorum } from '@ringfort/coordinator/contract';
import type { Codec } from './codecs.ts';

export type { Quorum };

/** What a client has seen, as a get or a put returned it: opaque, handed back with the next write. */
export type Context = Uint8Array;

export interface RequestOptions {
  /** Deadline in milliseconds; default: the client's. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether healthy nodes may stand in for absent ones. Default true. */
  readonly sloppy?: boolean | undefined;
}
export interface GetOptions extends RequestOptions {
  /** Answers to wait for. Default: the bucket's. */
  readonly r?: Quorum | undefined;
}
export interface WriteOptions extends RequestOptions {
  /** What the writer has seen. Absent: a put is a blind write (it becomes a sibling); a delete covers what it reads. */
  readonly context?: Context | undefined;
  /** Acknowledgements to wait for, and how many of them on disk. Default: the bucket's. */
  readonly w?: Quorum | undefined;
  readonly dw?: Quorum | undefined;
}
export interface DeleteOptions extends WriteOptions {
  readonly r?: Quorum | undefined;
}

export interface GetResult<T> {
  /**
   * The value; undefined when there is none. With several siblings: what the bucket's `resolve` makes of them.
   * Reading it throws {@link SiblingsError} when there is no `resolve`, or whatever that throws.
   */
  readonly value: T | undefined;
  /** All concurrent values; empty when there is none. */
  readonly siblings: readonly T[];
  /** Undefined when nothing at all is known of the key. */
  readonly context: Context | undefined;
}

export interface PutResult {
  /** What this writer has seen: what it had read, and its own write. */
  readonly context: Context;
  /** Live siblings of the key after the write; more than 1 tells of a concurrent one. */
  readonly siblings: number;
}

export interface BucketOptions<T> {
  readonly codec: Codec<T>;
  /** Merges concurrent values into one. Called with two or more, in a stable order. */
  readonly resolve?: ((siblings: readonly T[]) => T) | undefined;
}
