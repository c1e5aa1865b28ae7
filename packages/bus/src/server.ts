import type { Batcher } from './batcher.ts';
import { type BodyCodec, type PackedBody, packError, toWireError, wireErrorOf } from './body-codec.ts';
import {
  DeadlineExceededError,
  InternalError,
  MessageTooLargeError,
  OverloadedError,
  UnknownVerbError,
} from './errors.ts';
import { type FrameHeader, type FrameMessage, MessageKind, NO_VERB } from './frame-core.ts';
import type { Intake, ReceivedFrame } from './intake.ts';
import { type BusLimits, type Counters, MESSAGE_OVERHEAD_BYTES } from './limits.ts';
import type { Answerer, Inbound, WireError } from './port.ts';
import { type Served, type Station, Stations } from './stations.ts';
import type { Transport, TransportMessage } from './transport.ts';

/** Where the outcome of a handler goes. */
export interface Answer {
  reply(value: unknown): void;
  fail(error: WireError): void;
}

const nowhere: Answer = { reply: () => {}, fail: () => {} };

class RemoteAnswer implements Answer {
  readonly #server: Server;
  readonly #served: Served;
  readonly #header: FrameHeader;
  readonly #id: number;
  constructor(server: Server, served: Served, header: FrameHeader, id: number) {
    this.#server = server;
    this.#served = served;
    this.#header = header;
    this.#id = id;
  }
  reply(value: unknown): void {
    this.#server.answerReply(this.#served, this.#header, this.#id, value);
  }
  fail(error: WireError): void {
    this.#server.answerError(this.#header, this.#id, error);
  }
}

export interface ServerOptions {
  readonly transport: Transport;
  readonly batcher: Batcher;
  readonly limits: BusLimits;
  readonly counters: Counters;
  readonly prefix: string;
  readonly onError: (error: unknown, where: string) => void;
}

/** The serving side of a bus: runs handlers and listeners, and answers. */
export class Server {
  readonly #options: ServerOptions;
  #running = 0;
  #idleWaiters: (() => void)[] = [];
  readonly stations: Stations;
  /** Set once, before the first subscription. */
  intake!: Intake;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { transport, prefix } = options;
    this.stations = new Stations(transport, prefix, (station, message) => this.#onMessage(station, message));
  }

  get running(): number {
    return this.#running;
  }

  /** Whether requests to this address are answered by this very bus. */
  answers(address: string): boolean {
    return (this.stations.get(address)?.handlers.size ?? 0) > 0;
  }

  /** Whether this bus has an ear at this address: as the only one of its queue group that is to hear, as one of many, or not at all. */
  hears(address: string): 'alone' | 'too' | 'no' {
    const station = this.stations.get(address);
    if (station === undefined) return 'no';
    return station.queue === undefined ? 'too' : 'alone';
  }

  /** A request of this very process. */
  runLocal(address: string, verb: string, body: unknown, inbound: Inbound, answer: Answer): void {
    const served = this.stations.get(address)?.handlers.get(verb);
    if (served === undefined) answer.fail(wireErrorOf(new UnknownVerbError(address, verb)));
    else this.#run(address, served, body, inbound, answer);
  }

  /** An event of this very process. */
  hearLocal(address: string, verb: string, body: unknown, inbound: Inbound): void {
    const station = this.stations.get(address);
    if (station !== undefined) this.#hear(station, verb, body, inbound);
  }

  /** Resolves when no handler runs. */
  whenIdle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  answerError(header: FrameHeader, id: number, error: WireError): void {
    this.#send(header, MessageKind.error, id, packError(error));
  }

  #onMessage(station: Station, message: TransportMessage): void {
    if (message.noResponders) return;
    const frame = this.intake.receive(message, station.queue !== undefined);
    if (frame === undefined) return;
    for (const inner of frame.messages) {
      if (inner.kind === MessageKind.request) this.#onRequest(station, frame, inner);
      else if (inner.kind === MessageKind.event) this.#onEvent(station, frame, inner);
      else this.#options.counters.malformed++;
    }
  }

  #onRequest(station: Station, frame: ReceivedFrame, message: FrameMessage): void {
    const { header } = frame;
    const { address } = station;
    const { id, verb, timeoutMs } = message;
    const served = station.handlers.get(verb);
    if (served === undefined) this.answerError(header, id, wireErrorOf(new UnknownVerbError(address, verb)));
    else if (timeoutMs > 0) this.#parseAndRun(address, served, frame, message);
    else this.answerError(header, id, wireErrorOf(new DeadlineExceededError(address, verb, timeoutMs)));
  }

  #parseAndRun(address: string, served: Served, frame: ReceivedFrame, message: FrameMessage): void {
    const { header } = frame;
    let body: unknown;
    try {
      body = parse(served.request, frame, message);
    } catch (error) {
      this.answerError(header, message.id, this.#wireError(error, address, message.verb));
      return;
    }
    const answer = new RemoteAnswer(this, served, header, message.id);
    this.#run(address, served, body, inboundOf(header, message), answer);
  }

  #onEvent(station: Station, frame: ReceivedFrame, message: FrameMessage): void {
    const codec = station.listeners.get(message.verb)?.codec ?? station.handlers.get(message.verb)?.request;
    if (codec === undefined) return;
    let body: unknown;
    try {
      body = parse(codec, frame, message);
    } catch (error) {
      this.#options.counters.malformed++;
      this.#options.onError(error, `event ${message.verb} of ${frame.header.from}`);
      return;
    }
    this.#hear(station, message.verb, body, inboundOf(frame.header, message));
  }

  #hear(station: Station, verb: string, body: unknown, inbound: Inbound): void {
    const served = station.handlers.get(verb);
    if (served !== undefined) this.#run(station.address, served, body, inbound, nowhere);
    const listeners = station.listeners.get(verb);
    if (listeners === undefined) return;
    const where = `listener of ${verb} at ${station.address}`;
    for (const listener of [...listeners.calls]) {
      try {
        const result = listener(body, inbound);
        if (isThenable(result)) result.then(undefined, (error) => this.#options.onError(error, where));
      } catch (error) {
        this.#options.onError(error, where);
      }
    }
  }

  #run(address: string, served: Served, body: unknown, inbound: Inbound, answer: Answer): void {
    const { maxRunning } = this.#options.limits;
    if (this.#running >= maxRunning) {
      answer.fail(wireErrorOf(new OverloadedError('handlers running', maxRunning)));
      return;
    }
    this.#running++;
    if (served.answerer !== undefined) {
      this.#runAnswerer(address, served, served.answerer, body, inbound, answer);
      return;
    }
    let result: unknown;
    try {
      result = served.handler!(body, inbound);
    } catch (error) {
      this.#failed(error, address, served, answer);
      return;
    }
    if (isThenable(result)) {
      result.then(
        (value) => this.#replied(value, answer),
        (error) => this.#failed(error, address, served, answer),
      );
    } else {
      this.#replied(result, answer);
    }
  }

  #runAnswerer(
    address: string,
    served: Served,
    answerer: Answerer<unknown, unknown>,
    body: unknown,
    inbound: Inbound,
    answer: Answer,
  ): void {
    let ended = false;
    const done = (error: Error | undefined, reply?: unknown) => {
      if (ended) return;
      ended = true;
      if (error === undefined) this.#replied(reply, answer);
      else this.#failed(error, address, served, answer);
    };
    try {
      answerer(body, inbound, done);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #replied(value: unknown, answer: Answer): void {
    answer.reply(value);
    this.#ended();
  }

  #failed(error: unknown, address: string, served: Served, answer: Answer): void {
    answer.fail(this.#wireError(error, address, served.contract.verb));
    this.#ended();
  }

  #ended(): void {
    this.#running--;
    if (this.#running > 0 || this.#idleWaiters.length === 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #wireError(error: unknown, address: string, verb: string): WireError {
    const known = toWireError(error);
    if (known !== undefined) return known;
    this.#options.onError(error, `handler of ${verb} at ${address}`);
    return wireErrorOf(new InternalError());
  }

  /** @internal Sends a handler's reply, or what is wrong with it. */
  answerReply(served: Served, header: FrameHeader, id: number, value: unknown): void {
    const { verb } = served.contract;
    const maxBytes = this.#options.limits.maxMessageBytes - MESSAGE_OVERHEAD_BYTES;
    try {
      const body = served.reply.pack('the reply to', verb, header.version, value);
      if (body.length > maxBytes) throw new MessageTooLargeError(header.from, body.length, maxBytes);
      this.#send(header, MessageKind.reply, id, body);
    } catch (error) {
      this.#options.onError(error, `reply to ${verb}`);
      this.answerError(header, id, toWireError(error) ?? wireErrorOf(new InternalError()));
    }
  }

  #send(header: FrameHeader, kind: MessageKind, id: number, body: PackedBody): void {
    const { transport, batcher, counters } = this.#options;
    if (transport.status !== 'connected') {
      counters.dropped++;
      return;
    }
    batcher.add(batcher.laneBackTo(header.from, header.version), kind, id, NO_VERB, 0, 0, body);
  }
}

function parse(codec: BodyCodec, frame: ReceivedFrame, { verb, start, end }: FrameMessage): unknown {
  return codec.read('the body of', verb, frame.header.version, frame.bytes, start, end);
}

function inboundOf(header: FrameHeader, message: FrameMessage): Inbound {
  return { from: header.from, barrier: message.barrier, timeoutMs: message.timeoutMs, protocol: header.version };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
