import type { Clock, Random } from './clock.ts';
import { DisconnectedError, InvalidArgumentError, MessageTooLargeError } from './errors.ts';
import { endOfTurn, type Schedule, systemClock, systemRandom } from './system-clock.ts';
import type { Transport, TransportMessage, TransportStatus, TransportSubscription } from './transport.ts';

/**
 * What becomes of one payload on its way between two bus identities: after how many milliseconds it arrives, once per entry.
 * `[]`: lost; `[0]`: at once; two entries: twice.
 */
export type Link = (from: string, to: string, payload: Uint8Array) => readonly number[];

export interface MemoryNetworkOptions {
  readonly clock?: Clock | undefined;
  /** Picks the member of a queue group. */
  readonly random?: Random | undefined;
  readonly link?: Link | undefined;
  /** Default 1 MiB, as a NATS server's. */
  readonly maxPayload?: number | undefined;
  /** How a delivery without delay is put off; by default as the clock is (see `endOfTurn`). */
  readonly schedule?: Schedule | undefined;
}

interface Member {
  readonly owner: MemoryTransport;
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly onMessage: (message: TransportMessage) => void;
  active: boolean;
}

/** A network inside one process: asynchronous, at most once, with queue groups and no-responders notices as NATS has them. */
export class MemoryNetwork {
  readonly clock: Clock;
  readonly maxPayload: number;
  readonly #random: Random;
  readonly #schedule: Schedule;
  readonly #members = new Map<string, Member[]>();
  readonly #transports = new Set<MemoryTransport>();
  #link: Link | undefined;

  constructor(options: MemoryNetworkOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.maxPayload = options.maxPayload ?? 1024 * 1024;
    this.#random = options.random ?? systemRandom;
    this.#schedule = options.schedule ?? endOfTurn(this.clock);
    this.#link = options.link;
  }

  /** Replaces the link from now on; `undefined`: everything arrives at once. */
  setLink(link: Link | undefined): void {
    this.#link = link;
  }

  /** A connection of the identity `self`. */
  connect(self: string): Transport {
    const transport = new MemoryTransport(this, self);
    this.#transports.add(transport);
    return transport;
  }

  /** Breaks the connections of `self` (or all): what is sent to them is lost until `reconnect`. */
  disconnect(self?: string): void {
    for (const transport of this.#of(self)) transport.setStatus('disconnected');
  }

  reconnect(self?: string): void {
    for (const transport of this.#of(self)) transport.setStatus('connected');
  }

  /** @internal */
  join(member: Member): void {
    if (!/^[^*>]+(\.\*)?$/.test(member.pattern))
      throw new InvalidArgumentError(`${member.pattern} is no pattern of this network`);
    this.#members.set(member.pattern, [...(this.#members.get(member.pattern) ?? []), member]);
  }

  /** @internal */
  leave(member: Member): void {
    member.active = false;
    const others = this.#members.get(member.pattern)?.filter((other) => other !== member) ?? [];
    if (others.length === 0) this.#members.delete(member.pattern);
    else this.#members.set(member.pattern, others);
  }

  /** @internal */
  forget(transport: MemoryTransport): void {
    this.#transports.delete(transport);
  }

  /** @internal Carries one payload to whoever subscribes now. */
  carry(from: MemoryTransport, subject: string, payload: Uint8Array, reply: string | undefined): void {
    const receivers = this.#receivers(from, subject);
    if (receivers.length === 0) {
      if (reply !== undefined) this.#tellNobody(from, reply);
      return;
    }
    for (const member of receivers) {
      const delays = this.#link?.(from.self, member.owner.self, payload) ?? [0];
      for (const delayMs of delays) {
        this.#later(delayMs, () => deliver(member, { payload, subject, reply, noResponders: false }));
      }
    }
  }

  #receivers(from: MemoryTransport, subject: string): Member[] {
    const reachable = this.#matching(subject).filter((m) => m.owner !== from && m.owner.status === 'connected');
    const chosen = reachable.filter((m) => m.queue === undefined);
    const queues = new Set(reachable.map((m) => m.queue));
    queues.delete(undefined);
    for (const queue of queues) {
      const group = reachable.filter((m) => m.queue === queue);
      chosen.push(group[group.length === 1 ? 0 : this.#random.below(group.length)]!);
    }
    return chosen;
  }

  #tellNobody(asker: MemoryTransport, reply: string): void {
    const notice = { payload: new Uint8Array(0), subject: reply, reply: undefined, noResponders: true };
    for (const member of this.#matching(reply)) {
      if (member.owner === asker) this.#later(0, () => deliver(member, notice));
    }
  }

  /** Subscriptions to the subject itself, and to its parent's `*`. */
  #matching(subject: string): Member[] {
    const exact = this.#members.get(subject) ?? [];
    const wild = this.#members.get(`${subject.slice(0, subject.lastIndexOf('.'))}.*`) ?? [];
    return wild.length === 0 ? exact : [...exact, ...wild];
  }

  #later(delayMs: number, fn: () => void): void {
    if (delayMs > 0) this.clock.setTimeout(fn, delayMs);
    else this.#schedule(fn);
  }

  #of(self: string | undefined): MemoryTransport[] {
    const all = [...this.#transports];
    if (self === undefined) return all;
    const found = all.filter((transport) => transport.self === self);
    if (found.length === 0) throw new InvalidArgumentError(`${self} is not connected to this network`);
    return found;
  }
}

/** A network inside one process, for tests and for nodes embedded in one process. */
export function memoryNetwork(options?: MemoryNetworkOptions): MemoryNetwork {
  return new MemoryNetwork(options);
}

class MemoryTransport implements Transport {
  readonly self: string;
  readonly bufferedBytes = 0;
  status: TransportStatus = 'connected';
  readonly #network: MemoryNetwork;
  readonly #members = new Set<Member>();
  readonly #listeners: ((status: TransportStatus) => void)[] = [];

  constructor(network: MemoryNetwork, self: string) {
    this.#network = network;
    this.self = self;
  }

  get maxPayload(): number {
    return this.#network.maxPayload;
  }

  onStatus(listener: (status: TransportStatus) => void): void {
    this.#listeners.push(listener);
  }

  onError(): void {}

  /** @internal */
  setStatus(status: TransportStatus): void {
    if (this.status === status || this.status === 'closed') return;
    this.status = status;
    for (const listener of this.#listeners) listener(status);
  }

  publish(subject: string, payload: Uint8Array, reply?: string): void {
    if (this.status !== 'connected') throw new DisconnectedError(subject);
    if (payload.length > this.maxPayload) throw new MessageTooLargeError(subject, payload.length, this.maxPayload);
    this.#network.carry(this, subject, payload, reply);
  }

  subscribe(
    pattern: string,
    queue: string | undefined,
    onMessage: (message: TransportMessage) => void,
  ): TransportSubscription {
    const member: Member = { owner: this, pattern, queue, onMessage, active: true };
    this.#members.add(member);
    this.#network.join(member);
    const unsubscribe = () => {
      this.#members.delete(member);
      this.#network.leave(member);
    };
    const drain = async () => {
      unsubscribe();
      // What is on its way still arrives.
      member.active = true;
    };
    return { unsubscribe, drain };
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    for (const member of this.#members) this.#network.leave(member);
    this.#members.clear();
    this.#network.forget(this);
    this.setStatus('closed');
  }
}

function deliver(member: Member, message: TransportMessage): void {
  if (member.active && member.owner.status === 'connected') member.onMessage(message);
}
