import {
  DisconnectedError,
  MessageTooLargeError,
  type Transport,
  type TransportMessage,
  type TransportStatus,
  type TransportSubscription,
} from '@ringfort/bus';
import type { SeededRandom, VirtualClock } from '../src/index.ts';
import type { EventLog } from './event-log.ts';
import { LinkFaults } from './link-faults.ts';
import type { NodeClock } from './node-clock.ts';

const MAX_PAYLOAD = 1024 * 1024;

/** One payload on its way to one receiver, or to nobody. */
export interface CarriedFrame {
  readonly from: string;
  /** Undefined: nobody listens. */
  readonly to: string | undefined;
  readonly subject: string;
  readonly payload: Uint8Array;
  /** When each copy arrives, from now on; empty: it is lost. */
  readonly delaysMs: readonly number[];
}

/** Told of every payload that is sent; what it returns is called when the receiver is not there any more as a copy arrives. */
export type FrameWatcher = (frame: CarriedFrame) => () => void;

interface Subscriber {
  readonly owner: SimTransport;
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly onMessage: (message: TransportMessage) => void;
  active: boolean;
}

/**
 * Core NATS on virtual time: at most once, queue groups, no-responders notices, and all that {@link LinkFaults} does to a link. What is on its way to a
 * process that dies, or that is cut off from its server, is lost.
 */
export class SimNetwork {
  readonly faults: LinkFaults;
  /** Payloads handed to the network, and bytes. */
  frames = 0;
  bytes = 0;
  /** For whoever explains a run. */
  watcher: FrameWatcher | undefined;
  readonly #clock: VirtualClock;
  readonly #random: SeededRandom;
  readonly #log: EventLog;
  readonly #subscribers = new Map<string, Subscriber[]>();

  constructor(clock: VirtualClock, random: SeededRandom, log: EventLog) {
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.faults = new LinkFaults(clock, random.fork());
  }

  connect(self: string, clock: NodeClock): SimTransport {
    return new SimTransport(this, self, clock);
  }

  /** @internal */
  join(subscriber: Subscriber): void {
    const { pattern } = subscriber;
    this.#subscribers.set(pattern, [...(this.#subscribers.get(pattern) ?? []), subscriber]);
  }

  /** @internal */
  leave(subscriber: Subscriber): void {
    const { pattern } = subscriber;
    const others = this.#subscribers.get(pattern)?.filter((other) => other !== subscriber) ?? [];
    if (others.length === 0) this.#subscribers.delete(pattern);
    else this.#subscribers.set(pattern, others);
  }

  /** @internal */
  carry(from: SimTransport, subject: string, payload: Uint8Array, reply: string | undefined): void {
    this.frames += 1;
    this.bytes += payload.length;
    const receivers = this.#receivers(from, subject);
    if (receivers.length === 0) {
      this.#log.add(from.self, `> ${subject} ${payload.length} B: nobody listens`);
      this.watcher?.({ from: from.self, to: undefined, subject, payload, delaysMs: [] });
      if (reply !== undefined) this.#tellNobody(from, reply);
      return;
    }
    for (const subscriber of receivers) {
      const delays = this.faults.delaysOf(from.self, subscriber.owner.self);
      const fate = delays.length === 0 ? 'lost' : delays.map((ms) => `+${ms.toFixed(3)}`).join(' ');
      this.#log.add(from.self, `> ${subject} (${subscriber.owner.self}) ${payload.length} B ${fate}`);
      const to = subscriber.owner.self;
      const onMissed = this.watcher?.({ from: from.self, to, subject, payload, delaysMs: delays });
      // Each receiver reads memory of its own, as it does behind a socket.
      for (const delayMs of delays)
        this.#deliver(subscriber, { payload: Buffer.from(payload), subject, reply }, { delayMs, onMissed });
    }
  }

  #receivers(from: SimTransport, subject: string): Subscriber[] {
    const parent = `${subject.slice(0, subject.lastIndexOf('.'))}.*`;
    const matching = [...(this.#subscribers.get(subject) ?? []), ...(this.#subscribers.get(parent) ?? [])];
    const others = matching.filter(({ owner }) => owner !== from && owner.listed);
    const chosen = others.filter(({ queue }) => queue === undefined);
    const queues = new Set(others.flatMap(({ queue }) => queue ?? []));
    for (const queue of queues) chosen.push(this.#random.pick(others.filter((one) => one.queue === queue)));
    return chosen;
  }

  #tellNobody(asker: SimTransport, reply: string): void {
    const parent = `${reply.slice(0, reply.lastIndexOf('.'))}.*`;
    const own = [...(this.#subscribers.get(reply) ?? []), ...(this.#subscribers.get(parent) ?? [])].find(
      ({ owner }) => owner === asker,
    );
    if (own === undefined) return;
    const notice = { payload: new Uint8Array(0), subject: reply, reply: undefined };
    this.#deliver(own, notice, { delayMs: this.faults.hopMs(), noResponders: true });
  }

  #deliver(
    subscriber: Subscriber,
    message: Omit<TransportMessage, 'noResponders'>,
    how: { delayMs: number; noResponders?: boolean; onMissed?: (() => void) | undefined },
  ): void {
    const { delayMs, noResponders = false, onMissed } = how;
    const { owner } = subscriber;
    const { connection } = owner;
    this.#clock.setTimeout(() => {
      if (owner.connection !== connection || owner.status !== 'connected' || !owner.clock.alive) {
        onMissed?.();
        return;
      }
      owner.clock.run(() => {
        if (!subscriber.active || owner.connection !== connection) return;
        subscriber.onMessage({ ...message, noResponders });
      });
    }, delayMs);
  }
}

/** One process' connection. */
export class SimTransport implements Transport {
  readonly maxPayload = MAX_PAYLOAD;
  readonly bufferedBytes = 0;
  readonly clock: NodeClock;
  readonly self: string;
  status: TransportStatus = 'connected';
  /** Grows with every break: what was sent over a former connection does not arrive. */
  connection = 0;
  /** Whether the servers still believe in its subscriptions: a machine that fell silent is noticed late. */
  listed = true;
  readonly #network: SimNetwork;
  readonly #subscribers = new Set<Subscriber>();
  readonly #listeners: ((status: TransportStatus) => void)[] = [];

  constructor(network: SimNetwork, self: string, clock: NodeClock) {
    this.#network = network;
    this.self = self;
    this.clock = clock;
  }

  onStatus(listener: (status: TransportStatus) => void): void {
    this.#listeners.push(listener);
  }

  onError(): void {}

  publish(subject: string, payload: Uint8Array, reply?: string): void {
    if (this.status !== 'connected') throw new DisconnectedError(subject);
    if (payload.length > MAX_PAYLOAD) throw new MessageTooLargeError(subject, payload.length, MAX_PAYLOAD);
    if (this.clock.alive) this.#network.carry(this, subject, payload, reply);
  }

  subscribe(
    pattern: string,
    queue: string | undefined,
    onMessage: (message: TransportMessage) => void,
  ): TransportSubscription {
    const subscriber: Subscriber = { owner: this, pattern, queue, onMessage, active: true };
    this.#subscribers.add(subscriber);
    this.#network.join(subscriber);
    const unsubscribe = () => {
      subscriber.active = false;
      this.#subscribers.delete(subscriber);
      this.#network.leave(subscriber);
    };
    const drain = async () => {
      unsubscribe();
      // What is on its way still arrives.
      subscriber.active = true;
    };
    return { unsubscribe, drain };
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    this.vanish();
    this.#tell('closed');
  }

  /** The connection to the server breaks: what is on its way to this process is lost, and it is told. */
  disconnect(): void {
    if (this.status !== 'connected') return;
    this.connection += 1;
    this.listed = false;
    this.#tell('disconnected');
  }

  reconnect(): void {
    if (this.status !== 'disconnected') return;
    this.listed = true;
    this.#tell('connected');
  }

  /** The process is gone, and the servers know it. */
  vanish(): void {
    this.connection += 1;
    this.listed = false;
    for (const subscriber of this.#subscribers) {
      subscriber.active = false;
      this.#network.leave(subscriber);
    }
    this.#subscribers.clear();
  }

  #tell(status: TransportStatus): void {
    if (this.status === status || this.status === 'closed') return;
    this.status = status;
    this.clock.run(() => {
      for (const listener of this.#listeners) listener(status);
    });
  }
}
