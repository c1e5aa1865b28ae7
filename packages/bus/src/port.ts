import type { z } from 'zod';

/**
 * Where a message goes: what follows `ringfort.<cluster>.` in its subject: `node.n1.storage`, `kv.put`, `client.c7.replies`.
 * Keys and buckets are never part of an address.
 */
export type Address = string;

/** The contract of one verb: what travels, checked by zod on the receiving side in both directions. */
export interface Contract<Request = unknown, Reply = unknown> {
  /** The verb, unique under its address: `replica.read`. */
  readonly verb: string;
  readonly request: z.ZodType<Request>;
  readonly reply: z.ZodType<Reply>;
}

/** A failure as it travels: any error with a stable string `code` crosses the bus with its code, message and plain `details`. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly details?: Record<string, unknown> | undefined;
}

/** What a handler is told of a message beside its body. */
export interface Inbound {
  /** The bus identity of the sender: `node.n2`, `client.c7`. */
  readonly from: string;
  /** The barrier number of the partition that the body concerns, as the sender knows it; 0 where none applies. */
  readonly barrier: number;
  /** Milliseconds that were left of the sender's deadline when the message left. */
  readonly timeoutMs: number;
  /** The protocol version that the sender speaks (this one or the one before it). */
  readonly protocol: number;
}

export interface SendOptions {
  /** Partition barrier; 0 by default. */
  readonly barrier?: number;
}

export interface RequestOptions extends SendOptions {
  /** The request fails with `DEADLINE_EXCEEDED` when no answer came by then. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** `error` is set, or `reply` is. Called exactly once, never synchronously from `call`. */
export type Callback<Reply> = (error: BusFailure | undefined, reply: Reply | undefined) => void;

/** As {@link Callback}, once for each address asked. */
export type EachCallback<Reply> = (to: Address, error: BusFailure | undefined, reply: Reply | undefined) => void;

/** An error of the bus itself or one that the other side answered; always with a stable `code`. */
export interface BusFailure extends Error {
  readonly code: string;
  readonly details?: Record<string, unknown> | undefined;
}

/** Answers, or throws (or rejects with) an error that has a `code`. A plain error travels as `INTERNAL`, its message kept local. */
export type Handler<Request, Reply> = (body: Request, inbound: Inbound) => Reply | Promise<Reply>;

/** Answers by `done` rather than by what it returns; only the first call of it counts. For the hot path: no promise is made. */
export type Answerer<Request, Reply> = (body: Request, inbound: Inbound, done: Done<Reply>) => void;

/** `error` is given, or `reply` is the answer. */
export type Done<Reply> = (error: Error | undefined, reply?: Reply) => void;

export interface Subscription {
  unsubscribe(): void;
}

export type BusStatus = 'connecting' | 'connected' | 'disconnected' | 'draining' | 'closed';

/**
 * The message port. At most once, unordered between addresses; every request ends: answered, or failed by name.
 * A message to an address that this very bus serves is delivered in-process, without codec.
 */
export interface Bus {
  /** The identity that replies return to: `node.n1` or `client.c7`. */
  readonly self: string;
  readonly status: BusStatus;
  /** Told of every change of `status`, until unsubscribed. */
  onStatus(listener: (status: BusStatus) => void): Subscription;
  /** Sends and forgets. Throws only for a body beyond the limits. */
  publish<Q>(to: Address, contract: Contract<Q, unknown>, body: Q, options?: SendOptions): void;
  request<Q, R>(to: Address, contract: Contract<Q, R>, body: Q, options: RequestOptions): Promise<R>;
  /** `request` without a promise, for the hot path. */
  call<Q, R>(to: Address, contract: Contract<Q, R>, body: Q, options: RequestOptions, done: Callback<R>): void;
  /** The same `call` to each address, its body packed once. `done` is called once for each, with the errors that `call` has. */
  callEach<Q, R>(
    to: readonly Address[],
    contract: Contract<Q, R>,
    body: Q,
    options: RequestOptions,
    done: EachCallback<R>,
  ): void;
  /** Serves one verb of an address. With `queue`, one of the servers of that name gets each message. */
  serve<Q, R>(
    address: Address,
    contract: Contract<Q, R>,
    handler: Handler<Q, R>,
    options?: { queue?: string },
  ): Subscription;
  /** `serve` by callback, for the hot path. */
  answer<Q, R>(
    address: Address,
    contract: Contract<Q, R>,
    answerer: Answerer<Q, R>,
    options?: { queue?: string },
  ): Subscription;
  /** Announces `ringfort.<cluster>.events.<type>`; listeners use {@link Bus.listen}. */
  listen<Q>(
    address: Address,
    contract: Contract<Q, unknown>,
    listener: (body: Q, inbound: Inbound) => void,
  ): Subscription;
  /** Answers what is in flight, then leaves: nothing is accepted any more. Idempotent. */
  close(): Promise<void>;
}
