import { Asked } from './asked.ts';
import type { Batcher } from './batcher.ts';
import { assembleParts, type BusOptions, type BusParts } from './bus-parts.ts';
import { checked, checkU32 } from './checks.ts';
import type { Clock } from './clock.ts';
import type { Connection } from './connection.ts';
import { addressSchema, PROTOCOL_VERSION } from './contract.ts';
import {
  AbortedError,
  BusClosedError,
  BusError,
  DeadlineExceededError,
  DisconnectedError,
  OverloadedError,
  RemoteError,
} from './errors.ts';
import { encodeVerb, MessageKind } from './frame-core.ts';
import { type BusStats, MESSAGE_OVERHEAD_BYTES } from './limits.ts';
import type { Mux, Outcome, Pending } from './mux.ts';
import type {
  Address,
  Answerer,
  Bus,
  BusFailure,
  BusStatus,
  Callback,
  Contract,
  EachCallback,
  Handler,
  Inbound,
  RequestOptions,
  SendOptions,
  Subscription,
  WireError,
} from './port.ts';
import type { Server } from './server.ts';
import { Served } from './stations.ts';
import type { Transport } from './transport.ts';

/** A bus, and what it counted. */
export interface CountedBus extends Bus {
  stats(): BusStats;
  /** Resolves when the network knows every subscription made so far. Rejects when not connected. */
  flush(): Promise<void>;
}

/**
 * The message port over a transport. `natsBus` and `memoryBus` are this over theirs.
 * @throws InvalidArgumentError
 */
export function createBus(transport: Transport, options: BusOptions): CountedBus {
  return new TransportBus(assembleParts(transport, options));
}

class TransportBus implements CountedBus {
  readonly self: string;
  readonly #parts: BusParts;
  // What every call needs, one step away.
  readonly #clock: Clock;
  readonly #mux: Mux;
  readonly #batcher: Batcher;
  readonly #server: Server;
  readonly #connection: Connection;
  readonly #maxBodyBytes: number;
  #closing: Promise<void> | undefined;

  constructor(parts: BusParts) {
    this.self = parts.self;
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#mux = parts.mux;
    this.#batcher = parts.batcher;
    this.#server = parts.server;
    this.#connection = parts.connection;
    this.#maxBodyBytes = parts.limits.maxMessageBytes - MESSAGE_OVERHEAD_BYTES;
  }

  get status(): BusStatus {
    return this.#connection.status;
  }

  onStatus(listener: (status: BusStatus) => void): Subscription {
    return this.#connection.onStatus(listener);
  }

  stats(): BusStats {
    return {
      ...this.#parts.counters,
      pending: this.#mux.size,
      running: this.#server.running,
      lanes: this.#batcher.lanes,
      abandoned: this.#parts.intake.abandoned,
    };
  }

  async flush(): Promise<void> {
    if (this.#connection.status !== 'connected') throw new DisconnectedError(this.self);
    this.#batcher.flush();
    await this.#parts.transport.flush();
  }

  publish<Q>(to: Address, contract: Contract<Q, unknown>, body: Q, options?: SendOptions): void {
    if (this.#connection.ending) throw new BusClosedError(this.self);
    const barrier = options?.barrier ?? 0;
    checkU32(barrier, 'barrier');
    const heard = this.#server.hears(to);
    if (heard !== 'no') {
      this.#parts.counters.local++;
      const inbound = this.#localInbound(barrier, 0);
      queueMicrotask(() => this.#server.hearLocal(to, contract.verb, body, inbound));
    }
    if (heard === 'alone' || to.startsWith(`${this.self}.`)) return;
    const packed = new Asked(contract as Contract, body, this.#maxBodyBytes).packed(to);
    if (this.#connection.status !== 'connected') {
      this.#parts.counters.dropped++;
      return;
    }
    this.#batcher.add(this.#lane(to), MessageKind.event, 0, encodeVerb(contract.verb), barrier, 0, packed);
  }

  request<Q, R>(to: Address, contract: Contract<Q, R>, body: Q, options: RequestOptions): Promise<R> {
    return new Promise((resolve, reject) => {
      this.call(to, contract, body, options, (error, reply) => {
        if (error !== undefined) reject(error);
        else resolve(reply as R);
      });
    });
  }

  call<Q, R>(to: Address, contract: Contract<Q, R>, body: Q, options: RequestOptions, done: Callback<R>): void {
    const asked = new Asked(contract as Contract, body, this.#maxBodyBytes);
    const outcome: Outcome = (_to, error, reply) => done(error, reply as R | undefined);
    this.#ask(to, asked, options, this.#clock.monotonicMs(), outcome);
  }

  callEach<Q, R>(
    to: readonly Address[],
    contract: Contract<Q, R>,
    body: Q,
    options: RequestOptions,
    done: EachCallback<R>,
  ): void {
    const asked = new Asked(contract as Contract, body, this.#maxBodyBytes);
    const nowMs = this.#clock.monotonicMs();
    for (const address of to) this.#ask(address, asked, options, nowMs, done as Outcome);
  }

  serve<Q, R>(
    address: Address,
    contract: Contract<Q, R>,
    handler: Handler<Q, R>,
    options?: { queue?: string },
  ): Subscription {
    this.#checkServing(address, contract as Contract);
    const served = new Served(contract as Contract, { handler: handler as Handler<unknown, unknown> });
    return this.#server.stations.serve(address, options?.queue, served);
  }

  answer<Q, R>(
    address: Address,
    contract: Contract<Q, R>,
    answerer: Answerer<Q, R>,
    options?: { queue?: string },
  ): Subscription {
    this.#checkServing(address, contract as Contract);
    const served = new Served(contract as Contract, { answerer: answerer as Answerer<unknown, unknown> });
    return this.#server.stations.serve(address, options?.queue, served);
  }

  listen<Q>(
    address: Address,
    contract: Contract<Q, unknown>,
    listener: (body: Q, inbound: Inbound) => void,
  ): Subscription {
    this.#checkServing(address, contract as Contract);
    return this.#server.stations.listen(
      address,
      contract as Contract,
      listener as (body: unknown, inbound: Inbound) => void,
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #ask(to: Address, asked: Asked, options: RequestOptions, nowMs: number, done: Outcome): void {
    try {
      this.#tryToAsk(to, asked, options, nowMs, done);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      queueMicrotask(() => this.#refuse(to, error, done));
    }
  }

  #tryToAsk(to: Address, asked: Asked, options: RequestOptions, nowMs: number, done: Outcome): void {
    const { contract, codecs } = asked;
    const { timeoutMs, barrier = 0, signal } = options;
    if (this.#connection.ending) throw new BusClosedError(this.self);
    if (signal?.aborted) throw new AbortedError(to, contract.verb, signal.reason);
    if (!(timeoutMs > 0)) throw new DeadlineExceededError(to, contract.verb, timeoutMs);
    const timeout = Math.ceil(timeoutMs);
    checkU32(timeout, 'timeoutMs');
    checkU32(barrier, 'barrier');
    const deadlineMs = nowMs + timeoutMs;
    if (this.#server.answers(to)) {
      const pending = this.#mux.add(to, contract, codecs.reply, timeout, deadlineMs, done, false);
      if (signal !== undefined) this.#mux.watch(pending, signal);
      this.#callLocal(pending, asked.body, this.#localInbound(barrier, timeout));
      return;
    }
    if (this.#connection.status !== 'connected') throw new DisconnectedError(to);
    if (this.#batcher.bytes + this.#parts.transport.bufferedBytes > this.#parts.limits.maxBufferedBytes) {
      throw new OverloadedError('bytes waiting for the network', this.#parts.limits.maxBufferedBytes);
    }
    const lane = this.#lane(to);
    const verb = encodeVerb(contract.verb);
    const packed = asked.packed(to);
    // Nothing below throws: from here on the request ends through the mux alone.
    const pending = this.#mux.add(to, contract, codecs.reply, timeout, deadlineMs, done, true);
    if (signal !== undefined) this.#mux.watch(pending, signal);
    this.#batcher.add(lane, MessageKind.request, pending.id, verb, barrier, timeout, packed);
  }

  #callLocal(pending: Pending, body: unknown, inbound: Inbound): void {
    this.#parts.counters.local++;
    const answer = {
      reply: (value: unknown) => this.#mux.resolve(pending, value),
      fail: (error: WireError) => this.#mux.fail(pending, new RemoteError(error)),
    };
    queueMicrotask(() => {
      if (pending.done === undefined) return;
      this.#server.runLocal(pending.address, pending.contract.verb, body, inbound, answer);
    });
  }

  #lane(to: Address) {
    return this.#batcher.knownLane(to) ?? this.#batcher.laneTo(checked(addressSchema, to));
  }

  #localInbound(barrier: number, timeoutMs: number): Inbound {
    return { from: this.self, barrier, timeoutMs, protocol: PROTOCOL_VERSION };
  }

  #refuse(to: Address, error: BusFailure, done: Outcome): void {
    try {
      done(to, error, undefined);
    } catch (thrown) {
      this.#parts.onError(thrown, 'callback of a call');
    }
  }

  #checkServing(address: Address, contract: Contract): void {
    if (this.#connection.ending) throw new BusClosedError(this.self);
    checked(addressSchema, address);
    encodeVerb(contract.verb);
  }

  async #close(): Promise<void> {
    this.#connection.startClosing();
    let timer: unknown;
    const patience = new Promise<void>((resolve) => {
      timer = this.#clock.setTimeout(resolve, this.#parts.limits.closeTimeoutMs);
    });
    await Promise.race([this.#finishServing(), patience]);
    this.#clock.clearTimeout(timer);
    this.#batcher.flush();
    await this.#parts.transport.close();
    this.#parts.wheel.clear();
  }

  async #finishServing(): Promise<void> {
    await this.#server.stations.drain();
    await this.#server.whenIdle();
  }
}
