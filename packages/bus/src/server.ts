import type { Batcher } from './batcher.ts';
import { issuesOf, packBody, packError, toWireError, unpackBody, wireErrorOf } from './body-codec.ts';
import {
  DeadlineExceededError,
  InternalError,
  InvalidMessageError,
  MessageTooLargeError,
  OverloadedError,
  UnknownVerbError,
} from './errors.ts';
import { type FrameHeader, type FrameMessage, MessageKind, NO_VERB } from './frame-core.ts';
import type { Intake, ReceivedFrame } from './intake.ts';
import { type BusLimits, type Counters, MESSAGE_OVERHEAD_BYTES } from './limits.ts';
import type { Contract, Inbound, WireError } from './port.ts';
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
  readonly #address: string;
  readonly #header: FrameHeader;
  readonly #message: FrameMessage;
  constructor(server: Server, address: string, header: FrameHeader, message: FrameMessage) {
    this.#server = server;
    this.#address = address;
    this.#header = header;
    this.#message = message;
  }
  reply(value: unknown): void {
    this.#server.answerReply(this.#address, this.#header, this.#message, value);
  }
  fail(error: WireError): void {
    this.#server.answerError(this.#header, this.#message.id, error);
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
    const answer = new RemoteAnswer(this, station.address, frame.header, message);
    const served = station.handlers.get(message.verb);
    if (served === undefined) answer.fail(wireErrorOf(new UnknownVerbError(station.address, message.verb)));
    else if (message.timeoutMs > 0) this.#parseAndRun(station, served, frame, message, answer);
    else answer.fail(wireErrorOf(new DeadlineExceededError(station.address, message.verb, message.timeoutMs)));
  }

  #parseAndRun(station: Station, served: Served, frame: ReceivedFrame, message: FrameMessage, answer: Answer): void {
    let body: unknown;
    try {
      body = parse(served.contract, frame, message);
    } catch (error) {
      answer.fail(this.#wireError(error, station.address, message.verb));
      return;
    }
    this.#run(station.address, served, body, inboundOf(frame.header, message), answer);
  }

  #onEvent(station: Station, frame: ReceivedFrame, message: FrameMessage): void {
    const contract = station.listeners.get(message.verb)?.contract ?? station.handlers.get(message.verb)?.contract;
    if (contract === undefined) return;
    let body: unknown;
    try {
      body = parse(contract, frame, message);
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
    let result: unknown;
    try {
      result = served.handler(body, inbound);
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
  answerReply(address: string, header: FrameHeader, message: FrameMessage, value: unknown): void {
    const maxBytes = this.#options.limits.maxMessageBytes - MESSAGE_OVERHEAD_BYTES;
    try {
      const body = packBody(`the reply to ${message.verb}`, value);
      if (body.length > maxBytes) throw new MessageTooLargeError(header.from, body.length, maxBytes);
      this.#send(header, MessageKind.reply, message.id, body);
    } catch (error) {
      this.#options.onError(error, `reply to ${message.verb} at ${address}`);
      this.answerError(header, message.id, toWireError(error) ?? wireErrorOf(new InternalError()));
    }
  }

  #send(header: FrameHeader, kind: MessageKind, id: number, body: Buffer): void {
    const { transport, batcher, counters } = this.#options;
    if (transport.status !== 'connected') {
      counters.dropped++;
      return;
    }
    batcher.add(batcher.laneBackTo(header.from, header.version), kind, id, NO_VERB, 0, 0, body);
  }
}

function parse(contract: Contract, frame: ReceivedFrame, message: FrameMessage): unknown {
  const what = `the body of ${message.verb}`;
  const parsed = contract.request.safeParse(unpackBody(what, frame.bytes, message.start, message.end));
  if (!parsed.success) throw new InvalidMessageError(what, { verb: message.verb, issues: issuesOf(parsed.error) });
  return parsed.data;
}

function inboundOf(header: FrameHeader, message: FrameMessage): Inbound {
  return { from: header.from, barrier: message.barrier, timeoutMs: message.timeoutMs, protocol: header.version };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
