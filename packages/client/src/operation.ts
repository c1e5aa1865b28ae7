import { type BusFailure, type Contract, Deadline, RemoteError } from '@ringfort/bus';
import type { RingVersion } from '@ringfort/ring';
import {
  AbortedError,
  ClientClosedError,
  DeadlineExceededError,
  DisconnectedError,
  errorOf,
  IndeterminateError,
  judgeFailure,
  OverloadedError,
  UnavailableError,
} from './errors.ts';
import type { Peer } from './peers.ts';
import type { Router } from './router.ts';

/** What every request and every reply on this path have. */
export interface Routed {
  readonly bucket: string;
  readonly key: string;
  sloppy?: boolean | undefined;
  ring?: RingVersion | undefined;
}
export interface Answer {
  readonly staleRing?: boolean | undefined;
}

export interface OperationSpec<Q extends Routed, R extends Answer> {
  readonly contract: Contract<Q, R>;
  /** `ring` is set before each attempt; the rest, a write's number among it, is repeated as it is. */
  readonly body: Q;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Reads are repeated and hedged at will; writes are repeated only while they are certainly nowhere. */
  readonly kind: 'read' | 'write';
  readonly retryIndeterminate: boolean;
}

/** Failures of the bus that speak against the peer. */
const silent = new Set(['NO_RESPONDERS', 'PEER_LOST', 'DEADLINE_EXCEEDED']);

/**
 * One request of a caller: its attempts at one node after another, within its deadline. A plain object with callbacks and one entry in
 * the shared wheel (when to ask another node as well; while it waits for a connection: its deadline), as every request pays for it.
 */
export class Operation<Q extends Routed, R extends Answer> extends Deadline {
  readonly #router: Router;
  readonly #spec: OperationSpec<Q, R>;
  readonly #deadlineMs: number;
  readonly #resolve: (reply: R) => void;
  readonly #reject: (error: Error) => void;
  #nodes: readonly string[] = [];
  readonly #tried: string[] = [];
  #attempts = 0;
  #underWay = 0;
  #latest: Peer | undefined;
  #lastFailure: BusFailure | undefined;
  #waiting = false;
  #done = false;
  /** Some attempt may have reached a replica: no later refusal makes the write "not applied" again. */
  #indeterminate: BusFailure | undefined;

  constructor(router: Router, spec: OperationSpec<Q, R>, resolve: (reply: R) => void, reject: (error: Error) => void) {
    super();
    this.#router = router;
    this.#spec = spec;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#deadlineMs = router.clock.monotonicMs() + spec.timeoutMs;
  }

  /** Sends, or waits for a connection. Ends in exactly one of the two callbacks. */
  start(): void {
    const router = this.#router;
    if (router.mode === 'closed') {
      this.#fail(new ClientClosedError());
      return;
    }
    if (this.#spec.signal?.aborted) {
      this.#fail(this.#aborted());
      return;
    }
    if (router.bus.status !== 'connected') {
      this.#wait();
      return;
    }
    if (this.#nodes.length === 0) this.#nodes = router.nodesOf(this.#spec.body.bucket, this.#spec.body.key);
    const { hedgeMs } = router.settings;
    if (hedgeMs < this.#spec.timeoutMs) router.wheel.set(this, router.clock.monotonicMs() + hedgeMs);
    this.#attempt();
  }

  /** There is a connection again, or the client was closed. */
  resume(): void {
    this.#stopWaiting();
    if (!this.#done) this.start();
  }

  override expire(): void {
    if (this.#waiting) {
      this.#fail(this.#outOfTime());
      return;
    }
    if (this.#latest !== undefined) this.#router.suspect(this.#latest);
    const another = this.#attempts < this.#router.settings.maxAttempts && this.#nodes.length > this.#tried.length;
    if (this.#spec.kind === 'read' && this.#underWay > 0 && another) this.#attempt();
  }

  #attempt(): void {
    const { contract, body, signal } = this.#spec;
    const router = this.#router;
    const timeoutMs = this.#deadlineMs - router.clock.monotonicMs();
    if (timeoutMs <= 0) {
      this.#fail(this.#outOfTime());
      return;
    }
    const peer = router.pick(this.#nodes, contract.verb, this.#tried);
    if (peer === undefined) {
      this.#fail(this.#unavailable());
      return;
    }
    const { version } = router;
    if (version !== undefined) body.ring = version;
    this.#tried.push(peer.id);
    this.#attempts++;
    this.#underWay++;
    this.#latest = peer;
    router.bus.call(
      peer.address,
      contract,
      body,
      signal === undefined ? { timeoutMs } : { timeoutMs, signal },
      (error, reply) => this.#ended(peer, error, reply),
    );
  }

  #ended(peer: Peer, failure: BusFailure | undefined, reply: R | undefined): void {
    const answered = failure === undefined || failure instanceof RemoteError;
    this.#underWay--;
    if (failure === undefined) {
      this.#succeed(reply as R);
      return;
    }
    if (!answered && silent.has(failure.code)) {
      this.#router.suspect(peer);
    }
    if (!this.#done) this.#goOn(failure);
  }

  /** After a failed attempt: waits for the other one, asks elsewhere, or ends. */
  #goOn(failure: BusFailure): void {
    const { kind, retryIndeterminate } = this.#spec;
    const router = this.#router;
    const judged = judgeFailure(failure);
    this.#lastFailure = failure;
    if (kind === 'write' && judged.outcome === 'indeterminate') this.#indeterminate ??= failure;
    if (failure.code === 'TOO_MANY_HOPS' || failure.code === 'NOT_SERVING') router.refresh();
    if (this.#underWay > 0) return;
    const repeatable = kind === 'read' || judged.outcome === 'not-applied' || retryIndeterminate;
    const nobodyAtAll = this.#nodes.length === 0 && failure.code === 'NO_RESPONDERS';
    const again = judged.elsewhere && repeatable && !nobodyAtAll && this.#attempts < router.settings.maxAttempts;
    if (!again) this.#fail(this.#errorFor(failure));
    else if (router.bus.status === 'connected') this.#attempt();
    else this.#wait();
  }

  #wait(): void {
    const { wheel } = this.#router;
    wheel.cancel(this);
    if (!this.#router.wait(this)) {
      this.#fail(new OverloadedError('too many requests wait for a connection; try again later', this.#outcome()));
      return;
    }
    this.#waiting = true;
    wheel.set(this, this.#deadlineMs);
    this.#spec.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  #stopWaiting(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#router.stopWaiting(this);
    this.#router.wheel.cancel(this);
    this.#spec.signal?.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = () => this.#fail(this.#aborted());

  #succeed(reply: R): void {
    if (reply.staleRing) this.#router.refresh();
    if (this.#done) return;
    this.#done = true;
    this.#router.wheel.cancel(this);
    this.#resolve(reply);
  }

  #fail(error: Error): void {
    if (this.#done) return;
    this.#stopWaiting();
    this.#done = true;
    this.#router.wheel.cancel(this);
    this.#reject(error);
  }

  /** What may be told of a write's fate, for the details of an error. */
  #outcome(): { outcome?: 'indeterminate' | 'not-applied' } {
    if (this.#spec.kind === 'read') return {};
    return { outcome: this.#indeterminate === undefined ? 'not-applied' : 'indeterminate' };
  }

  #errorFor(failure: BusFailure): Error {
    const told = failure.code === 'ABORTED' || failure.details?.outcome === 'indeterminate';
    if (this.#indeterminate === undefined || told) return errorOf(failure, this.#outcome());
    return new IndeterminateError(this.#indeterminate);
  }

  #aborted(): Error {
    const { contract, signal } = this.#spec;
    return new AbortedError(`${contract.verb} was given up by its caller`, this.#outcome(), signal?.reason);
  }

  #outOfTime(): Error {
    const { timeoutMs } = this.#spec;
    if (this.#indeterminate !== undefined) return new IndeterminateError(this.#indeterminate);
    if (this.#waiting)
      return new DisconnectedError(`no connection to NATS for ${timeoutMs} ms`, { timeoutMs, ...this.#outcome() });
    return new DeadlineExceededError(
      `no answer within ${timeoutMs} ms`,
      { timeoutMs, ...this.#outcome() },
      this.#lastFailure,
    );
  }

  #unavailable(): Error {
    if (this.#lastFailure !== undefined) return this.#errorFor(this.#lastFailure);
    return new UnavailableError('the ring has no nodes', this.#outcome());
  }
}
