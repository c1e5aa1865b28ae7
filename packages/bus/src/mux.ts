import type { SentRange } from './batcher.ts';
import type { BodyCodec } from './body-codec.ts';
import { Deadline, type DeadlineWheel } from './deadline-wheel.ts';
import { AbortedError, DeadlineExceededError, OverloadedError } from './errors.ts';
import { IdTable } from './id-table.ts';
import type { BusFailure, Contract, EachCallback } from './port.ts';

const MAX_ID = 0x3fffffff;

/** Where a request's outcome goes: told of the address too, so that one function serves all of `callEach`. */
export type Outcome = EachCallback<unknown>;

/** One request that waits for its answer. */
export class Pending extends Deadline {
  readonly mux: Mux;
  readonly id: number;
  readonly address: string;
  readonly contract: Contract;
  readonly codec: BodyCodec;
  readonly timeoutMs: number;
  /** Whether it was sent over the network. */
  readonly remote: boolean;
  done: Outcome | undefined;
  signal: AbortSignal | undefined = undefined;
  onAbort: (() => void) | undefined = undefined;

  constructor(
    mux: Mux,
    id: number,
    address: string,
    contract: Contract,
    codec: BodyCodec,
    timeoutMs: number,
    done: Outcome,
    remote: boolean,
  ) {
    super();
    this.mux = mux;
    this.id = id;
    this.address = address;
    this.contract = contract;
    this.codec = codec;
    this.timeoutMs = timeoutMs;
    this.done = done;
    this.remote = remote;
  }

  override expire(): void {
    this.mux.fail(this, new DeadlineExceededError(this.address, this.contract.verb, this.timeoutMs));
  }
}

/** Which request an answer belongs to: what is pending by id, bounded, each entry ended exactly once. */
export class Mux {
  readonly #pending: IdTable<Pending>;
  readonly #wheel: DeadlineWheel;
  readonly #maxPending: number;
  readonly #onThrow: (error: unknown) => void;

  /** `firstId`: where ids begin; random, so that answers to an earlier process of the same identity are not taken for ours. */
  constructor(options: {
    wheel: DeadlineWheel;
    maxPending: number;
    firstId: number;
    onThrow: (error: unknown) => void;
  }) {
    this.#wheel = options.wheel;
    this.#maxPending = options.maxPending;
    this.#pending = new IdTable(options.firstId, MAX_ID);
    this.#onThrow = options.onThrow;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Takes a request in; `codec` reads its reply. @throws OverloadedError */
  add(
    address: string,
    contract: Contract,
    codec: BodyCodec,
    timeoutMs: number,
    deadlineMs: number,
    done: Outcome,
    remote: boolean,
  ): Pending {
    if (this.#pending.size >= this.#maxPending) throw new OverloadedError('requests in flight', this.#maxPending);
    const pending = new Pending(this, this.#pending.nextId(), address, contract, codec, timeoutMs, done, remote);
    this.#pending.add(pending);
    this.#wheel.set(pending, deadlineMs);
    return pending;
  }

  /** Ends the request `ABORTED` when `signal` fires. */
  watch(pending: Pending, signal: AbortSignal): void {
    const onAbort = () => this.fail(pending, new AbortedError(pending.address, pending.contract.verb, signal.reason));
    pending.signal = signal;
    pending.onAbort = onAbort;
    signal.addEventListener('abort', onAbort, { once: true });
  }

  get(id: number): Pending | undefined {
    return this.#pending.get(id);
  }

  resolve(pending: Pending, reply: unknown): void {
    this.#end(pending, undefined, reply);
  }

  fail(pending: Pending, error: BusFailure): void {
    this.#end(pending, error, undefined);
  }

  /** Ends every request, or those to `address`, or those sent over the network. Requests that callbacks make meanwhile are not touched. */
  failAll(errorFor: (pending: Pending) => BusFailure, only: { address?: string; remote?: true } = {}): void {
    for (const pending of this.#pending.entries()) {
      if (only.address !== undefined && pending.address !== only.address) continue;
      if (only.remote === true && !pending.remote) continue;
      this.fail(pending, errorFor(pending));
    }
  }

  /** Ends the requests of one frame with `inside`, and those sent to the same address before it with `before`, if given. */
  failFrame({ address, firstId, lastId }: SentRange, inside: () => BusFailure, before?: () => BusFailure): void {
    const frameSpan = (lastId - firstId) & MAX_ID;
    for (const pending of this.#pending.entries()) {
      if (!pending.remote || pending.address !== address) continue;
      // Ids go round: what is less than half the circle ahead came later.
      const ahead = (pending.id - firstId) & MAX_ID;
      if (ahead <= frameSpan) this.fail(pending, inside());
      else if (ahead > MAX_ID >> 1 && before !== undefined) this.fail(pending, before());
    }
  }

  #end(pending: Pending, error: BusFailure | undefined, reply: unknown): void {
    const { done } = pending;
    if (done === undefined) return;
    pending.done = undefined;
    this.#pending.delete(pending);
    this.#wheel.cancel(pending);
    if (pending.onAbort !== undefined) pending.signal?.removeEventListener('abort', pending.onAbort);
    try {
      done(pending.address, error, reply);
    } catch (thrown) {
      this.#onThrow(thrown);
    }
  }
}
