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

/** What all requests of one kind have in common. */
export interface Kind<Q extends Routed, R extends Answer, T> {
  readonly contract: Contract<Q, R>;
  /** Reads are repeated and hedged at will; writes are repeated only while they are certainly nowhere. */
  readonly access: 'read' | 'write';
  /** What the caller gets of a reply. What it throws, the caller gets instead. */
  readonly resultOf: (reply: R) => T;
}

export interface Request<Q extends Routed, R extends Answer, T> {
  readonly kind: Kind<Q, R, T>;
  /** `ring` is set before each attempt; the rest, a write's number among it, is repeated as it is. */
  readonly body: Q;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Failures of the bus that speak against the peer. */
const silent = new Set(['NO_RESPONDERS', 'PEER_LOST', 'DEADLINE_EXCEEDED']);
const none: readonly Peer[] = [];

/**
 * One request of a caller: its attempts at one node after another, within its deadline. A plain object with callbacks and one entry in
 * the shared wheel (when to ask another node as well; while it waits for a connection: its deadline), as every request pays for it.
 */
export class Operation<Q extends Routed, R extends Answer, T> extends Deadline {
  readonly #router: Router;
  readonly #request: Request<Q, R, T>;
  readonly #resolve: (result: T) => void;
  readonly #reject: (error: unknown) => void;
  #deadlineMs = 0;
  #nodes = none;
  /** Attempts that somebody may have got. Those that met nobody cost nothing, and the list of nodes bounds them. */
  #attempts = 0;
  #underWay = 0;
  #latest: Peer | undefined = undefined;
  /** Those before the latest: most requests need but one attempt, and no list. */
  #earlier = none;
  #lastFailure: BusFailure | undefined = undefined;
  /** Set while it waits for a connection: what the caller's signal calls. */
  #onAbort: (() => void) | undefined = undefined;
  #waiting = false;
  #done = false;
  /** Some attempt may have reached a replica: no later refusal makes the write "not applied" again. */
  #indeterminate: BusFailure | undefined = undefined;

  constructor(
    router: Router,
    request: Request<Q, R, T>,
    resolve: (result: T) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.#router = router;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Sends, or waits for a connection. Ends in exactly one of the two callbacks. */
  start(): void {
    const nowMs = this.#router.clock.monotonicMs();
    this.#deadlineMs = nowMs + this.#request.timeoutMs;
    this.#goAhead(nowMs);
  }

  /** There is a connection again, or the client was closed. */
  resume(): void {
    this.#stopWaiting();
    if (!this.#done) this.#goAhead(this.#router.clock.monotonicMs());
  }

  override expire(): void {
    if (this.#waiting) {
      this.#fail(this.#outOfTime());
      return;
    }
    if (this.#latest !== undefined) this.#router.suspect(this.#latest);
    const triedAll = this.#earlier.length + 1 >= this.#nodes.length;
    const another = this.#attempts < this.#router.settings.maxAttempts && !triedAll;
    if (this.#request.kind.access === 'read' && this.#underWay > 0 && another) this.#attempt();
  }

  #goAhead(nowMs: number): void {
    const router = this.#router;
    const { body, signal, timeoutMs } = this.#request;
    if (router.mode === 'closed') {
      this.#fail(new ClientClosedError());
      return;
    }
    if (signal?.aborted) {
      this.#fail(this.#aborted());
      return;
    }
    if (router.bus.status !== 'connected') {
      this.#wait();
      return;
    }
    if (this.#nodes.length === 0) this.#nodes = router.nodesOf(body.bucket, body.key);
    const { hedgeMs } = router.settings;
    if (hedgeMs < timeoutMs) router.wheel.set(this, nowMs + hedgeMs);
    this.#attempt(nowMs);
  }

  #attempt(nowMs = this.#router.clock.monotonicMs()): void {
    const { kind, body, signal } = this.#request;
    const router = this.#router;
    const timeoutMs = this.#deadlineMs - nowMs;
    if (timeoutMs <= 0) {
      this.#fail(this.#outOfTime());
      return;
    }
    if (this.#latest !== undefined) this.#earlier = [...this.#earlier, this.#latest];
    const peer = router.pick(this.#nodes, kind.contract.verb, this.#earlier);
    if (peer === undefined) {
      this.#fail(this.#unavailable());
      return;
    }
    const { version } = router;
    if (version !== undefined) body.ring = version;
    this.#attempts++;
    this.#underWay++;
    this.#latest = peer;
    router.bus.call(peer.address, kind.contract, body, { timeoutMs, signal }, (error, reply) =>
      this.#ended(peer, error, reply),
    );
  }

  #ended(peer: Peer, failure: BusFailure | undefined, reply: R | undefined): void {
    this.#underWay--;
    if (failure === undefined) {
      this.#succeed(reply as R);
      return;
    }
    if (silent.has(failure.code) && !(failure instanceof RemoteError)) this.#router.suspect(peer);
    if (!this.#done) this.#goOn(failure);
  }

  /** After a failed attempt: waits for the other one, asks elsewhere, or ends. */
  #goOn(failure: BusFailure): void {
    const { access } = this.#request.kind;
    const router = this.#router;
    const { maxAttempts, retryIndeterminate } = router.settings;
    const judged = judgeFailure(failure);
    this.#lastFailure = failure;
    if (access === 'write' && judged.outcome === 'indeterminate') this.#indeterminate ??= failure;
    if (failure.code === 'TOO_MANY_HOPS' || failure.code === 'NOT_SERVING') router.refresh();
    if (this.#underWay > 0) return;
    const repeatable = access === 'read' || judged.outcome === 'not-applied' || retryIndeterminate;
    const metNobody = failure.code === 'NO_RESPONDERS' && !(failure instanceof RemoteError);
    const nobodyAtAll = metNobody && this.#nodes.length === 0;
    if (metNobody) this.#attempts--;
    const again = judged.elsewhere && repeatable && !nobodyAtAll && this.#attempts < maxAttempts;
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
    const { signal } = this.#request;
    if (signal === undefined) return;
    this.#onAbort = () => this.#fail(this.#aborted());
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  #stopWaiting(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#router.stopWaiting(this);
    this.#router.wheel.cancel(this);
    if (this.#onAbort !== undefined) this.#request.signal?.removeEventListener('abort', this.#onAbort);
  }

  #succeed(reply: R): void {
    if (reply.staleRing) this.#router.refresh();
    if (this.#done) return;
    this.#done = true;
    this.#router.wheel.cancel(this);
    try {
      this.#resolve(this.#request.kind.resultOf(reply));
    } catch (error) {
      this.#reject(error);
    }
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
    if (this.#request.kind.access === 'read') return {};
    return { outcome: this.#indeterminate === undefined ? 'not-applied' : 'indeterminate' };
  }

  #errorFor(failure: BusFailure): Error {
    const told = failure.code === 'ABORTED' || failure.details?.outcome === 'indeterminate';
    if (this.#indeterminate === undefined || told) return errorOf(failure, this.#outcome());
    return new IndeterminateError(this.#indeterminate);
  }

  #aborted(): Error {
    const { kind, signal } = this.#request;
    return new AbortedError(`${kind.contract.verb} was given up by its caller`, this.#outcome(), signal?.reason);
  }

  #outOfTime(): Error {
    const { timeoutMs } = this.#request;
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
