import { type BodyCodec, codecsOf } from './body-codec.ts';
import { AlreadyServedError } from './errors.ts';
import type { Answerer, Contract, Handler, Inbound, Subscription } from './port.ts';
import type { Transport, TransportMessage, TransportSubscription } from './transport.ts';

export type Listener = (body: unknown, inbound: Inbound) => unknown;

/** One verb that is served: by what a function returns, or by its callback. */
export class Served {
  readonly contract: Contract;
  readonly handler: Handler<unknown, unknown> | undefined;
  readonly answerer: Answerer<unknown, unknown> | undefined;
  readonly request: BodyCodec;
  readonly reply: BodyCodec;

  constructor(
    contract: Contract,
    by: { handler: Handler<unknown, unknown> } | { answerer: Answerer<unknown, unknown> },
  ) {
    this.contract = contract;
    this.handler = 'handler' in by ? by.handler : undefined;
    this.answerer = 'answerer' in by ? by.answerer : undefined;
    const { request, reply } = codecsOf(contract);
    this.request = request;
    this.reply = reply;
  }
}

/** All that this bus serves and listens to under one address; one subscription. */
export class Station {
  readonly address: string;
  readonly queue: string | undefined;
  readonly handlers = new Map<string, Served>();
  readonly listeners = new Map<string, { codec: BodyCodec; calls: Set<Listener> }>();
  subscription: TransportSubscription | undefined;
  constructor(address: string, queue: string | undefined) {
    this.address = address;
    this.queue = queue;
  }
}

/** The addresses that this bus has an ear at. */
export class Stations {
  readonly #transport: Transport;
  readonly #prefix: string;
  readonly #onMessage: (station: Station, message: TransportMessage) => void;
  readonly #stations = new Map<string, Station>();

  constructor(transport: Transport, prefix: string, onMessage: (station: Station, message: TransportMessage) => void) {
    this.#transport = transport;
    this.#prefix = prefix;
    this.#onMessage = onMessage;
  }

  get(address: string): Station | undefined {
    return this.#stations.get(address);
  }

  /** @throws AlreadyServedError */
  serve(address: string, queue: string | undefined, served: Served): Subscription {
    const { verb } = served.contract;
    const taken = this.#stations.get(address)?.handlers.has(verb);
    if (taken) throw new AlreadyServedError(address, `the verb ${verb} is already served by this bus`);
    const station = this.#stationOf(address, queue);
    station.handlers.set(verb, served);
    return {
      unsubscribe: () => {
        if (station.handlers.get(verb) === served) station.handlers.delete(verb);
        this.#leaveIfEmpty(station);
      },
    };
  }

  listen(address: string, contract: Contract, listener: Listener): Subscription {
    const station = this.#stations.get(address) ?? this.#stationOf(address, undefined);
    const entry = station.listeners.get(contract.verb) ?? {
      codec: codecsOf(contract).request,
      calls: new Set<Listener>(),
    };
    station.listeners.set(contract.verb, entry);
    // A function of its own, so that the same listener may be added twice and removed once.
    const call: Listener = (body, inbound) => listener(body, inbound);
    entry.calls.add(call);
    return {
      unsubscribe: () => {
        entry.calls.delete(call);
        const current = entry.calls.size === 0 && station.listeners.get(contract.verb) === entry;
        if (current) station.listeners.delete(contract.verb);
        this.#leaveIfEmpty(station);
      },
    };
  }

  /** Stops new messages everywhere; resolves when those on their way were handed over. */
  async drain(): Promise<void> {
    await Promise.all([...this.#stations.values()].map((station) => station.subscription?.drain()));
  }

  #stationOf(address: string, queue: string | undefined): Station {
    const known = this.#stations.get(address);
    if (known !== undefined) {
      if (known.queue === queue) return known;
      throw new AlreadyServedError(address, 'one address is served either by one queue group or by none');
    }
    const station = new Station(address, queue);
    const subject = this.#prefix + address;
    station.subscription = this.#transport.subscribe(subject, queue, (message) => this.#onMessage(station, message));
    this.#stations.set(address, station);
    return station;
  }

  #leaveIfEmpty(station: Station): void {
    if (station.handlers.size > 0 || station.listeners.size > 0) return;
    if (this.#stations.get(station.address) !== station) return;
    this.#stations.delete(station.address);
    station.subscription?.unsubscribe();
  }
}
