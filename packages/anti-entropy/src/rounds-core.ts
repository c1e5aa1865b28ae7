import { begins } from './pairs-core.ts';

/** Two replicas that are to be equal: this node's, and a peer's. */
export interface Pair {
  readonly peer: string;
  readonly partition: number;
}

interface KnownPair extends Pair {
  /** When they were equal last, as far as this node knows. */
  equalMs: number;
  state: 'waiting' | 'differing' | 'exchanging';
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
  readonly intervalMs: number;
  /** After a comparison that failed. */
  readonly retryMs: number;
  readonly maxExchanges: number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** How much earlier or later than the interval a round may come, so that nodes do not march in step. */
const JITTER = 0.1;

/**
 * Which pairs of replicas are to be compared, and which to be exchanged, when: per peer one comparison of all shared partitions each interval; of
 * what differs, the pair first that was equal the longest time ago. Of two nodes each begins with half of the partitions; with a peer that it
 * meets anew, after its own start, a node asks for all. Plain data: told the time, and what happened.
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
        known?.pairs.get(partition) ?? { peer: id, partition, equalMs: nowMs, state: 'waiting' };
      const isNew = known === undefined || partitions.some((partition) => !known.pairs.has(partition));
      peers.set(id, {
        id,
        pairs: new Map(partitions.map((partition) => [partition, of(partition)])),
        dueMs: isNew ? nowMs : known.dueMs,
        isMet: known?.isMet ?? false,
      });
    }
    this.#peers = peers;
  }

  /** The peer came back: it is compared with at once. */
  cameBack(id: string, nowMs: number): void {
    const peer = this.#peers.get(id);
    if (peer !== undefined) peer.dueMs = nowMs;
  }

  /** The peer whose comparison is due for the longest time. */
  duePeer(nowMs: number, isUp: (peer: string) => boolean): string | undefined {
    let first: Peer | undefined;
    for (const peer of this.#peers.values())
      if (peer.dueMs <= nowMs && (first === undefined || peer.dueMs < first.dueMs) && isUp(peer.id)) first = peer;
    return first?.id;
  }

  /** How long until one is due; undefined: no peer is up. */
  untilDueMs(nowMs: number, isUp: (peer: string) => boolean): number | undefined {
    let nextMs: number | undefined;
    for (const { id, dueMs } of this.#peers.values())
      if (isUp(id) && (nextMs === undefined || dueMs < nextMs)) nextMs = dueMs;
    return nextMs === undefined ? undefined : Math.max(0, nextMs - nowMs);
  }

  /** The partitions that this node is to ask the peer about now. */
  toCompare(id: string): number[] {
    const peer = this.#peers.get(id);
    if (peer === undefined) return [];
    return [...peer.pairs.values()]
      .filter(({ partition, state }) => state === 'waiting' && this.#asks(peer, partition))
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
    peer.dueMs = nowMs + intervalMs * (1 + JITTER * (2 * random() - 1));
  }

  #set({ pairs }: Peer, partition: number, state: KnownPair['state'], equalMs?: number): void {
    const pair = pairs.get(partition);
    if (pair === undefined) return;
    pair.state = state;
    if (equalMs !== undefined) pair.equalMs = equalMs;
  }

  comparisonFailed(id: string, nowMs: number): void {
    const peer = this.#peers.get(id);
    if (peer !== undefined) peer.dueMs = nowMs + this.#options.retryMs;
  }

  /** The next pair to be exchanged, the most stale first; it counts as begun. */
  nextExchange(isUp: (peer: string) => boolean): Pair | undefined {
    if (this.#exchanging >= this.#options.maxExchanges) return undefined;
    let first: KnownPair | undefined;
    for (const { id, pairs } of this.#peers.values()) {
      if (!isUp(id)) continue;
      for (const pair of pairs.values())
        if (pair.state === 'differing' && (first === undefined || pair.equalMs < first.equalMs)) first = pair;
    }
    if (first === undefined) return undefined;
    first.state = 'exchanging';
    this.#exchanging += 1;
    return first;
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
