import type { Bus, Clock, Random } from '@ringfort/bus';
import type { MembershipRecord } from '@ringfort/ring/contract';
import type { Gossip, Purpose } from './gossip.ts';
import type { HistoryExchange } from './history-exchange.ts';

/** A change is told on after this long, so that what arrives together travels together; and not again within `pauseMs`. */
const delayMs = 20;
const pauseMs = 100;
/** Peers that a change is told to at once. Before the founding all founders wait for it; later those that hear of it tell it on alike. */
const foundingFanOut = 16;
const fanOut = 3;

export interface DisseminationOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly gossip: Gossip;
  readonly histories: HistoryExchange;
  readonly timeoutMs: number;
  /** Longest wait for a peer that is told of a record by name. */
  readonly tellTimeoutMs: number;
  readonly isUp: (node: string) => boolean;
  /** Whether this node must not speak for its id. */
  readonly muted: () => boolean;
  readonly onFailure: (error: unknown) => void;
}

/** Who is spoken to, and when: everybody after a start, one random peer a round, a few that lack a change at once. */
export class Dissemination {
  readonly #options: DisseminationOptions;
  #contacts: readonly string[] = [];
  #founded = false;
  #timer: unknown;
  #planned = false;
  #spreadAtMs = -Infinity;

  constructor(options: DisseminationOptions) {
    this.#options = options;
  }

  get contacts(): readonly string[] {
    return this.#contacts;
  }

  meet(contacts: readonly string[], founded: boolean): void {
    this.#contacts = contacts;
    this.#founded = founded;
  }

  /** Makes contact with everybody at once: after a start, and when the bus is back. */
  hello(): void {
    this.#exchangeWith(this.#contacts, 'greeting');
  }

  round(): void {
    this.#exchangeWith(sample(this.#upContacts(), 1, this.#options.random), 'round');
  }

  /** Something has changed: it is told on soon, once for all changes that come together. */
  spreadSoon(): void {
    if (this.#planned) return;
    this.#planned = true;
    const { clock } = this.#options;
    const sinceMs = clock.monotonicMs() - this.#spreadAtMs;
    this.#timer = clock.setTimeout(() => this.#spread(), Math.max(delayMs, pauseMs - sinceMs));
  }

  /** Tells a record to every peer that is up, and waits for them, but not longer than `tellTimeoutMs`; gossip brings it to the rest. */
  async tellAll(record: MembershipRecord): Promise<void> {
    await Promise.all(this.#upContacts().map((id) => this.tellOne(id, record)));
  }

  /** Tells a record to one peer, as {@link tellAll} does to all. */
  async tellOne(node: string, record: MembershipRecord): Promise<void> {
    const { histories, tellTimeoutMs, onFailure } = this.#options;
    await histories.push(node, record, tellTimeoutMs).catch(onFailure);
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#planned = true;
  }

  #spread(): void {
    this.#planned = false;
    const { clock, random, histories } = this.#options;
    this.#spreadAtMs = clock.monotonicMs();
    const lacking = this.#upContacts().filter((id) => !histories.isSettled(id));
    this.#exchangeWith(sample(lacking, this.#founded ? fanOut : foundingFanOut, random), 'change');
  }

  #exchangeWith(nodes: readonly string[], purpose: Purpose): void {
    const { bus, gossip, timeoutMs, muted } = this.#options;
    if (bus.status !== 'connected' || muted()) return;
    for (const id of nodes) void gossip.exchange(id, timeoutMs, purpose);
  }

  #upContacts(): string[] {
    return this.#contacts.filter((id) => this.#options.isUp(id));
  }
}

/** Takes `count` of the items, chosen at random. */
export function sample<T>(items: readonly T[], count: number, random: Random): T[] {
  const left = [...items];
  const taken: T[] = [];
  while (taken.length < count && left.length > 0) taken.push(...left.splice(random.below(left.length), 1));
  return taken;
}
