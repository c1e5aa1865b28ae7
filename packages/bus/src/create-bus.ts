import { Batcher } from './batcher.ts';
import { packBody } from './body-codec.ts';
import { checked, checkU32 } from './checks.ts';
import type { Clock, Random } from './clock.ts';
import { Connection } from './connection.ts';
import { addressSchema, clusterNameSchema, identitySchema, PROTOCOL_VERSION } from './contract.ts';
import { DeadlineWheel } from './deadline-wheel.ts';
import {
  AbortedError,
  BusClosedError,
  BusError,
  DeadlineExceededError,
  DisconnectedError,
  MessageTooLargeError,
  OverloadedError,
  RemoteError,
} from './errors.ts';
import { MessageKind } from './frame-core.ts';
import { Intake } from './intake.ts';
import {
  type BusLimits,
  type BusStats,
  type Counters,
  defaultLimits,
  MESSAGE_OVERHEAD_BYTES,
  zeroCounters,
} from './limits.ts';
import { Mux, type Pending } from './mux.ts';
import type {
  Address,
  Bus,
  BusFailure,
  BusStatus,
  Callback,
  Contract,
  Handler,
  Inbound,
  RequestOptions,
  SendOptions,
  Subscription,
  WireError,
} from './port.ts';
import { Replies } from './replies.ts';
import { checkVerb, Server } from './server.ts';
import { endOfTurn, type Schedule, systemClock, systemRandom } from './system-clock.ts';
import type { Transport } from './transport.ts';

export interface BusOptions {
  readonly cluster: string;
  /** `node.<id>` or `client.<id>`; unique in the cluster. */
  readonly self: string;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly limits?: Partial<BusLimits> | undefined;
  /** Puts sending off to the end of the turn; by default as the clock is (see `endOfTurn`). */
  readonly schedule?: Schedule | undefined;
  /** Told of every failure that no caller is told of: by default a process warning. */
  readonly onError?: ((error: unknown, where: string) => void) | undefined;
}

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
  return new TransportBus(transport, options);
}

class TransportBus implements CountedBus {
  readonly self: string;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #limits: BusLimits;
  readonly #counters: Counters = zeroCounters();
  readonly #onError: (error: unknown, where: string) => void;
  readonly #wheel: DeadlineWheel;
  readonly #mux: Mux;
  readonly #batcher: Batcher;
  readonly #server: Server;
  readonly #intake: Intake;
  readonly #connection: Connection;
  #closing: Promise<void> | undefined;

  constructor(transport: Transport, options: BusOptions) {
    this.self = checked(identitySchema, options.self);
    const prefix = `ringfort.${checked(clusterNameSchema, options.cluster)}.`;
    this.#transport = transport;
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#onError = options.onError ?? warn;
    this.#wheel = new DeadlineWheel(this.#clock);
    this.#mux = new Mux({
      wheel: this.#wheel,
      maxPending: this.#limits.maxPending,
      firstId: (options.random ?? systemRandom).below(2 ** 30),
      onThrow: (error) => this.#onError(error, 'callback of a call'),
    });
    this.#batcher = new Batcher({
      transport,
      schedule: options.schedule ?? endOfTurn(this.#clock),
      prefix,
      self: this.self,
      counters: this.#counters,
      maxLanes: this.#limits.maxLanes,
      maxFrameBytes: this.#limits.maxFrameBytes,
      onSendFailed: (error, address) => this.#onSendFailed(error, address),
    });
    const common = { transport, limits: this.#limits, counters: this.#counters, prefix };
    const onError = this.#onError;
    const server = new Server({ ...common, batcher: this.#batcher, onError });
    this.#server = server;
    this.#intake = new Intake({
      ...common,
      clock: this.#clock,
      wheel: this.#wheel,
      self: this.self,
      answerError: (header, id, error) => server.answerError(header, id, error),
    });
    server.intake = this.#intake;
    const replies = new Replies({
      mux: this.#mux,
      batcher: this.#batcher,
      intake: this.#intake,
      counters: this.#counters,
    });
    transport.subscribe(`${prefix}${this.self}.replies.*`, undefined, (message) => replies.onMessage(message));
    this.#connection = new Connection({
      ...common,
      mux: this.#mux,
      batcher: this.#batcher,
      self: this.self,
      onError,
    });
  }

  get status(): BusStatus {
    return this.#connection.status;
  }

  onStatus(listener: (status: BusStatus) => void): Subscription {
    return this.#connection.onStatus(listener);
  }

  stats(): BusStats {
    return {
      ...this.#counters,
      pending: this.#mux.size,
      running: this.#server.running,
      lanes: this.#batcher.lanes,
      abandoned: this.#intake.abandoned,
    };
  }

  async flush(): Promise<void> {
    if (this.#connection.status !== 'connected') throw new DisconnectedError(this.self);
    this.#batcher.flush();
    await this.#transport.flush();
  }

  publish<Q>(to: Address, contract: Contract<Q, unknown>, body: Q, options?: SendOptions): void {
    if (this.#connection.ending) throw new BusClosedError(this.self);
    const barrier = options?.barrier ?? 0;
    checkU32(barrier, 'barrier');
    const heard = this.#server.hears(to);
    if (heard !== 'no') {
      this.#counters.local++;
      const inbound = this.#localInbound(barrier, 0);
      queueMicrotask(() => this.#server.hearLocal(to, contract.verb, body, inbound));
    }
    if (heard === 'alone' || to.startsWith(`${this.self}.`)) return;
    const packed = this.#pack(to, contract, body);
    if (this.#connection.status !== 'connected') {
      this.#counters.dropped++;
      return;
    }
    this.#batcher.add(this.#lane(to), MessageKind.event, 0, contract.verb, barrier, 0, packed);
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
    try {
      this.#call(to, contract as Contract, body, options, done as Callback<unknown>);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      queueMicrotask(() => this.#refuse(error, done as Callback<unknown>));
    }
  }

  serve<Q, R>(
    address: Address,
    contract: Contract<Q, R>,
    handler: Handler<Q, R>,
    options?: { queue?: string },
  ): Subscription {
    this.#checkServing(address, contract as Contract);
    const served = { contract: contract as Contract, handler: handler as Handler<unknown, unknown> };
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

  #call(to: Address, contract: Contract, body: unknown, options: RequestOptions, done: Callback<unknown>): void {
    const { timeoutMs, barrier = 0, signal } = options;
    if (this.#connection.ending) throw new BusClosedError(this.self);
    if (signal?.aborted) throw new AbortedError(to, contract.verb, signal.reason);
    if (!(timeoutMs > 0)) throw new DeadlineExceededError(to, contract.verb, timeoutMs);
    const timeout = Math.ceil(timeoutMs);
    checkU32(timeout, 'timeoutMs');
    checkU32(barrier, 'barrier');
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    if (this.#server.answers(to)) {
      const pending = this.#mux.add(to, contract, timeoutMs, deadlineMs, done, false);
      if (signal !== undefined) this.#mux.watch(pending, signal);
      this.#callLocal(pending, body, this.#localInbound(barrier, timeout));
      return;
    }
    if (this.#connection.status !== 'connected') throw new DisconnectedError(to);
    if (this.#batcher.bytes + this.#transport.bufferedBytes > this.#limits.maxBufferedBytes) {
      throw new OverloadedError('bytes waiting for the network', this.#limits.maxBufferedBytes);
    }
    const lane = this.#lane(to);
    const packed = this.#pack(to, contract, body);
    const pending = this.#mux.add(to, contract, timeoutMs, deadlineMs, done, true);
    if (signal !== undefined) this.#mux.watch(pending, signal);
    this.#batcher.add(lane, MessageKind.request, pending.id, contract.verb, barrier, timeout, packed);
  }

  #callLocal(pending: Pending, body: unknown, inbound: Inbound): void {
    this.#counters.local++;
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

  #pack(to: Address, contract: Contract<never, unknown> | Contract, body: unknown): Buffer {
    const packed = packBody(`the body of ${contract.verb}`, body);
    const maxBytes = this.#limits.maxMessageBytes - MESSAGE_OVERHEAD_BYTES;
    if (packed.length > maxBytes) throw new MessageTooLargeError(to, packed.length, maxBytes);
    return packed;
  }

  #refuse(error: BusFailure, done: Callback<unknown>): void {
    try {
      done(error, undefined);
    } catch (thrown) {
      this.#onError(thrown, 'callback of a call');
    }
  }

  #checkServing(address: Address, contract: Contract): void {
    if (this.#connection.ending) throw new BusClosedError(this.self);
    checked(addressSchema, address);
    checkVerb(contract);
  }

  #onSendFailed(error: unknown, address: string | undefined): void {
    this.#counters.dropped++;
    this.#onError(error, `sending to ${address ?? 'a peer'}`);
    if (address === undefined) return;
    this.#mux.failAll(() => new DisconnectedError(address, { cause: error }), { address, remote: true });
  }

  async #close(): Promise<void> {
    this.#connection.startClosing();
    let timer: unknown;
    const patience = new Promise<void>((resolve) => {
      timer = this.#clock.setTimeout(resolve, this.#limits.closeTimeoutMs);
    });
    await Promise.race([this.#finishServing(), patience]);
    this.#clock.clearTimeout(timer);
    this.#batcher.flush();
    await this.#transport.close();
    this.#wheel.clear();
  }

  async #finishServing(): Promise<void> {
    await this.#server.stations.drain();
    await this.#server.whenIdle();
  }
}

/** What an unheard failure ends in, when nobody asked to be told. */
function warn(error: unknown, where: string): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)), { detail: where });
}
