import { begins } from './pairs-core.ts';

/** Two replicas that are to be equal: this node's, and a peer's. */
export interface Pair {
  readonly peer: string;
  readonly partition: number;
}

interface KnownPair extends Pair {
  /** When they were equal last, as far as this node knows. */
  equalMs: number;
  /** Decides between pairs that are as stale: each node has an order of its own, so that two do not bring a third the same at the same time. */
  readonly rank: number;
  state: 'waiting' | 'differing' | 'exchanging';
  /** Whether all that the peer held at some time since this node began is here. */
  isMerged: boolean;
}

interface Peer {
  readonly id: string;
  readonly pairs: Map<number, KnownPair>;
  dueMs: number;
  /** Whether it was compared with since this node began, or since it came back. */
  isMet: boolean;
}

export interface RoundsOptions {
  readonly self: string;
  /** 0: nothing is compared but what is to be filled. */
  readonly intervalMs: number;
  /** After a comparison that failed. */
  readonly retryMs: number;
  readonly maxExchanges: number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Whether this node's part of the partition is whole; where it is not, its pairs go before all others, and one after the other until it is. */
  readonly isFilled: (partition: number) => boolean;
}

const NEVER = Number.POSITIVE_INFINITY;
/** Between two comparisons with a peer of whose part something is still missing. */
const REFILL_MS = 1_000;

/** How much earlier or later than the interval a round may come, so that nodes do not march in step. */
const JITTER = 0.1;

/**
 * Which pairs of replicas are to be compared, and which to be exchanged, when: per peer one comparison of all shared partitions each interval; of
 * what differs, the pair first that was equal the longest time ago. Of two nodes each begins with half of the partitions; with a peer that it
 * meets anew, after its own start, a node asks for all. A node that is being filled asks about all that it lacks, of everybody, without resting.
 * Plain data: told the time, and what happened.
 */
export class Rounds {
  readonly #options: RoundsOptions;
  #peers = new Map<string, Peer>();
  #exchanging = 0;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  get exchanging(): number {
    return this.#exchanging;
  }

  /** The ring has changed: who shares what. What is known of pairs that stay is kept. */
  setPairs(pairs: ReadonlyMap<string, readonly number[]>, nowMs: number): void {
    const peers = new Map<string, Peer>();
    for (const [id, partitions] of pairs) {
      const known = this.#peers.get(id);
      const of = (partition: number): KnownPair =>
        known?.pairs.get(partition) ?? this.#newPair({ peer: id, partition }, nowMs);
      const isNew = known === undefined || partitions.some((partition) => !known.pairs.has(partition));
      peers.set(id, {
        id,
        pairs: new Map(partitions.map((partition) => [partition, of(partition)])),
        dueMs: isNew || known.dueMs === NEVER ? this.#soonest(nowMs, partitions) : known.dueMs,
        isMet: known?.isMet ?? false,
      });
    }
    this.#peers = peers;
  }

  /** Now, unless nothing is to be compared. */
  #soonest(nowMs: number, partitions: Iterable<number>): number {
    const { intervalMs, isFilled } = this.#options;
    return intervalMs > 0 || ![...partitions].every(isFilled) ? nowMs : NEVER;
  }

  #newPair(pair: Pair, equalMs: number): KnownPair {
    return { ...pair, equalMs, rank: this.#options.random(), state: 'waiting', isMerged: false };
  }

  /** The peer came back: it is compared with at once. */
  cameBack(id: string, nowMs: number): void {
    const peer = this.#peers.get(id);
    if (peer !== undefined) peer.dueMs = this.#soonest(nowMs, peer.pairs.keys());
  }

  /** Of the partitions that this node shares with anybody: those that are not filled, and of these those of which every peer's part is here. */
  refill(): { readonly unfilled: readonly number[]; readonly whole: readonly number[] } {
    const unfilled = new Set<number>();
    const missing = new Set<number>();
    for (const { pairs } of this.#peers.values())
      for (const { partition, isMerged } of pairs.values()) {
        if (this.#options.isFilled(partition)) continue;
        unfilled.add(partition);
        if (!isMerged) missing.add(partition);
      }
    return { unfilled: [...unfilled], whole: [...unfilled].filter((partition) => !missing.has(partition)) };
  }

  #isWanted({ partition, isMerged }: KnownPair): boolean {
    return !isMerged && !this.#options.isFilled(partition);
  }

  /** The peer whose comparison is due for the longest time. */
  duePeer(nowMs: number, isUp: (peer: string) => boolean): string | undefined {
    let first: Peer | undefined;
    for (const peer of this.#peers.values())
      if (peer.dueMs <= nowMs && (first === undefined || peer.dueMs < first.dueMs) && isUp(peer.id)) first = peer;
    return first?.id;
  }

  /** How long until one is due; undefined: no peer is up, or none is to be compared with. */
  untilDueMs(nowMs: number, isUp: (peer: string) => boolean): number | undefined {
    let nextMs: number | undefined;
    for (const { id, dueMs } of this.#peers.values())
      if (dueMs !== NEVER && isUp(id) && (nextMs === undefined || dueMs < nextMs)) nextMs = dueMs;
    return nextMs === undefined ? undefined : Math.max(0, nextMs - nowMs);
  }

  /** The partitions that this node is to ask the peer about now. */
  toCompare(id: string): number[] {
    const peer = this.#peers.get(id);
    if (peer === undefined) return [];
    return [...peer.pairs.values()]
      .filter((pair) => pair.state === 'waiting' && (this.#asks(peer, pair.partition) || this.#isWanted(pair)))
      .map(({ partition }) => partition);
  }

  #asks(peer: Peer, partition: number): boolean {
    return !peer.isMet || begins(partition, this.#options.self, peer.id);
  }

  compared(
    id: string,
    { equal, differing }: { equal: readonly number[]; differing: readonly number[] },
    nowMs: number,
  ) {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    for (const partition of equal) this.#set(peer, partition, 'waiting', nowMs);
    for (const partition of differing) this.#set(peer, partition, 'differing');
    peer.isMet = true;
    const { intervalMs, random } = this.#options;
    const isAwaited = [...peer.pairs.values()].some((pair) => this.#isWanted(pair));
    const restMs = isAwaited ? REFILL_MS : intervalMs || NEVER;
    peer.dueMs = nowMs + restMs * (1 + JITTER * (2 * random() - 1));
  }

  #set({ pairs }: Peer, partition: number, state: KnownPair['state'], equalMs?: number): void {
    const pair = pairs.get(partition);
    if (pair === undefined) return;
    pair.state = state;
    if (equalMs === undefined) return;
    pair.equalMs = equalMs;
    pair.isMerged = true;
  }

  comparisonFailed(id: string, nowMs: number): void {
    const peer = this.#peers.get(id);
    if (peer !== undefined) peer.dueMs = nowMs + this.#options.retryMs;
  }

  /**
   * The next pair to be exchanged, one of a partition at a time (after it the other may be equal): first those that fill this node, of these
   * and of the others the most stale first; it counts as begun.
   */
  nextExchange(isUp: (peer: string) => boolean): Pair | undefined {
    if (this.#exchanging >= this.#options.maxExchanges) return undefined;
    const busy = new Set(this.#pairs('exchanging', () => true).map(({ partition }) => partition));
    let first: KnownPair | undefined;
    for (const pair of this.#pairs('differing', isUp))
      if (!busy.has(pair.partition) && (first === undefined || this.#goesBefore(pair, first))) first = pair;
    if (first === undefined) return undefined;
    first.state = 'exchanging';
    this.#exchanging += 1;
    return first;
  }

  #goesBefore(one: KnownPair, other: KnownPair): boolean {
    const isWanted = this.#isWanted(one);
    if (isWanted !== this.#isWanted(other)) return isWanted;
    return one.equalMs === other.equalMs ? one.rank < other.rank : one.equalMs < other.equalMs;
  }

  #pairs(state: KnownPair['state'], isWanted: (peer: string) => boolean): KnownPair[] {
    const peers = [...this.#peers.values()].filter(({ id }) => isWanted(id));
    return peers.flatMap(({ pairs }) => [...pairs.values()].filter((pair) => pair.state === state));
  }

  /** An exchange ended; `completed`: the two were equal when it began to look at them. One that failed waits for the next comparison. */
  exchanged({ peer, partition }: Pair, completed: boolean, nowMs: number): void {
    this.#exchanging -= 1;
    const known = this.#peers.get(peer);
    if (known !== undefined) this.#set(known, partition, 'waiting', completed ? nowMs : undefined);
  }

  /** Whether this node has begun an exchange that is its own to begin: the peer need not begin it too. */
  isBusy(partition: number, peer: string): boolean {
    const state = this.#peers.get(peer)?.pairs.get(partition)?.state;
    return state === 'exchanging' && begins(partition, this.#options.self, peer);
  }

  /** How long ago the most stale pair was equal, as far as this node knows: of those that it asks about. */
  stalestMs(nowMs: number): number {
    let oldestMs = nowMs;
    for (const peer of this.#peers.values())
      for (const { partition, equalMs } of peer.pairs.values())
        if (this.#asks(peer, partition)) oldestMs = Math.min(oldestMs, equalMs);
    return nowMs - oldestMs;
  }
}
