import type { Bus, Clock, Random } from '@ringfort/bus';
import type { Membership } from '@ringfort/membership';
import { NotServingError, type Store } from '@ringfort/storage';
import { type Actor, createActor, fromPromise } from 'xstate';
import { compareRoots } from './compare-roots.ts';
import { type RunningExchange, startExchange } from './exchange.ts';
import type { ExchangeOutcome } from './exchange-machine.ts';
import { askOthers } from './held-by-others.ts';
import { type AntiEntropyLimits, defaultLimits } from './limits.ts';
import { Pace } from './pace.ts';
import { pairsOf, sharedBuckets } from './pairs-core.ts';
import type { OpenReplica } from './port.ts';
import { type Pair, Rounds } from './rounds-core.ts';
import { type Compared, scheduleMachine } from './schedule-machine.ts';
import { serveExchange } from './serve-exchange.ts';
import { storeReplica } from './store-replica.ts';

export interface AntiEntropyOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<AntiEntropyLimits> | undefined;
  /** Told of partitions that were filled, after the loss of a store, and how many are still to be. */
  readonly onFilled?: ((partitions: readonly number[], left: number) => void) | undefined;
  /** Told of what nobody waits for: an exchange that failed, an object that is too large to be moved. */
  readonly onFault?: ((fault: Error, where: string) => void) | undefined;
}

/** Counters since start, for metrics; plain numbers that only grow (gauges are marked). */
export interface AntiEntropyStats {
  /** Comparisons with a peer: one message each. */
  readonly rounds: number;
  /** Comparisons that failed. */
  readonly failedRounds: number;
  /** Exchanges that this node began, and that ended. */
  readonly exchanges: number;
  readonly failedExchanges: number;
  /** Gauge: exchanges that this node has begun and not ended. */
  readonly exchanging: number;
  /** Records that this node's exchanges sent, and those that they brought. */
  readonly keysSent: number;
  readonly keysReceived: number;
  /** Of their objects. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Gauge: how long ago the most stale pair of replicas was equal, as far as this node knows. */
  readonly stalestMs: number;
  /** Gauge: partitions of this node that are being filled from their other owners, as its store took the place of a lost one. */
  readonly unfilled: number;
}

/** Keeps a node's replicas equal to those of its peers, without anybody reading (paper, section 4.7). */
export interface AntiEntropy {
  stats(): AntiEntropyStats;
  /** Ends all exchanges at once: what was merged is merged, the rest is found again. */
  close(): void;
}

const MAX_RETRY_MS = 5_000;

export function createAntiEntropy(options: AntiEntropyOptions): AntiEntropy {
  return new Schedule(options);
}

type Counts = { -readonly [Name in Exclude<keyof AntiEntropyStats, 'exchanging' | 'stalestMs' | 'unfilled'>]: number };

class Schedule implements AntiEntropy {
  readonly #options: AntiEntropyOptions;
  readonly #limits: AntiEntropyLimits;
  readonly #rounds: Rounds;
  readonly #pace: Pace;
  readonly #open: OpenReplica;
  readonly #isUp: (peer: string) => boolean;
  readonly #served: { close(): void };
  readonly #subscription: { unsubscribe(): void };
  readonly #running = new Set<RunningExchange>();
  readonly #actor: Actor<typeof scheduleMachine>;
  readonly #counts: Counts = {
    rounds: 0,
    failedRounds: 0,
    exchanges: 0,
    failedExchanges: 0,
    keysSent: 0,
    keysReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
  };
  #closed = false;
  /** Whether {@link Schedule.#noteFilled} is at work. */
  #noting = false;
  /** The peer that is being compared with. */
  #asked = '';

  constructor(options: AntiEntropyOptions) {
    const { bus, store, membership, clock, random } = options;
    const limits = { ...defaultLimits, ...options.limits };
    this.#options = options;
    this.#limits = limits;
    this.#rounds = new Rounds({
      self: membership.self,
      intervalMs: limits.intervalMs,
      retryMs: limits.intervalMs === 0 ? MAX_RETRY_MS : Math.min(MAX_RETRY_MS, limits.intervalMs),
      maxExchanges: limits.maxExchanges,
      random: () => random.below(1024) / 1024,
      isFilled: (partition) => store.isFilled(partition),
    });
    this.#pace = new Pace(clock, limits.bytesPerSecond);
    this.#open = (partition, peer) => this.#replica(partition, peer);
    this.#isUp = (peer) => membership.isUp(peer);
    this.#served = serveExchange({
      bus,
      node: membership.self,
      open: this.#open,
      isBusy: (partition, peer) => this.#rounds.isBusy(partition, peer),
      check: () => {
        if (membership.state !== 'member') throw new NotServingError();
      },
      clock,
      limits,
    });
    this.#setPairs();
    this.#actor = createActor(this.#machine(), { clock });
    this.#actor.subscribe({ error: (error) => this.#fault(error, 'schedule') });
    this.#actor.start();
    this.#subscription = membership.on((event) => {
      if (event.type === 'node.up') this.#actor.send({ type: 'peer.up', peer: event.node });
      if (event.type !== 'ring.changed' && event.type !== 'state.changed') return;
      this.#setPairs();
      this.#actor.send({ type: 'pairs.changed' });
    });
  }

  stats(): AntiEntropyStats {
    const nowMs = this.#options.clock.monotonicMs();
    const { exchanging } = this.#rounds;
    const unfilled = this.#rounds.refill().unfilled.length;
    return { ...this.#counts, exchanging, stalestMs: this.#rounds.stalestMs(nowMs), unfilled };
  }

  close(): void {
    this.#closed = true;
    this.#subscription.unsubscribe();
    this.#served.close();
    this.#actor.stop();
    for (const exchange of this.#running) exchange.stop();
    this.#running.clear();
  }

  #machine(): typeof scheduleMachine {
    const now = () => this.#options.clock.monotonicMs();
    const isMember = () => this.#options.membership.state === 'member';
    const untilDueMs = () => this.#rounds.untilDueMs(now(), this.#isUp);
    return scheduleMachine.provide({
      actors: { compareRoots: fromPromise<Compared>(() => this.#compare()) },
      guards: {
        peerIsDue: () => isMember() && this.#rounds.duePeer(now(), this.#isUp) !== undefined,
        peerIsAwaited: () => isMember() && untilDueMs() !== undefined,
      },
      actions: {
        notePeerUp: (_, { peer }) => this.#rounds.cameBack(peer, now()),
        noteCompared: (_, compared) => {
          this.#counts.rounds += 1;
          this.#rounds.compared(compared.peer, compared, now());
          this.#noteFilled();
        },
        noteFailure: (_, { error }) => {
          this.#counts.failedRounds += 1;
          this.#rounds.comparisonFailed(this.#asked, now());
          this.#fault(error, `comparison with ${this.#asked}`);
        },
        // Not within an action: each exchange is a machine of its own.
        beginExchanges: () => {
          this.#options.clock.setTimeout(() => this.#beginExchanges(), 0);
        },
      },
      delays: { untilDue: () => untilDueMs() ?? this.#limits.intervalMs },
    });
  }

  #setPairs(): void {
    const { membership, clock } = this.#options;
    this.#rounds.setPairs(pairsOf(membership.ring, membership.self), clock.monotonicMs());
    this.#noteFilled();
  }

  /** Partitions of which every other owner's part is here by now are filled. */
  #noteFilled(): void {
    const { store, membership } = this.#options;
    if (this.#noting || this.#closed || membership.state !== 'member') return;
    const { whole } = this.#rounds.refill();
    if (whole.length === 0) return;
    this.#noting = true;
    store.noteFilled(whole).then(
      () => {
        this.#noting = false;
        this.#options.onFilled?.(whole, this.#rounds.refill().unfilled.length);
        this.#noteFilled();
      },
      (error: unknown) => {
        this.#noting = false;
        this.#fault(error, 'refill');
      },
    );
  }

  async #compare(): Promise<Compared> {
    const { bus, clock } = this.#options;
    const peer = this.#rounds.duePeer(clock.monotonicMs(), this.#isUp) ?? '';
    this.#asked = peer;
    const partitions = this.#rounds.toCompare(peer);
    const { timeoutMs } = this.#limits;
    return { peer, ...(await compareRoots({ bus, peer, partitions, open: this.#open, timeoutMs })) };
  }

  #beginExchanges(): void {
    while (!this.#closed) {
      const pair = this.#rounds.nextExchange(this.#isUp);
      if (pair === undefined) return;
      this.#begin(pair);
    }
  }

  #begin(pair: Pair): void {
    const { bus, clock, store } = this.#options;
    const where = `exchange with ${pair.peer}`;
    const replica = this.#replica(pair.partition, pair.peer);
    if (replica === undefined) {
      this.#rounds.exchanged(pair, false, clock.monotonicMs());
      return;
    }
    const isRefill = !store.isFilled(pair.partition);
    let isWhole = true;
    const exchange = startExchange({
      bus,
      clock,
      ...pair,
      replica,
      // What an empty store lacks is no write under way.
      limits: isRefill ? { ...this.#limits, settleMs: 0 } : this.#limits,
      paceMs: (bytes) => this.#pace.afterMs(bytes),
      owesHints: () => !isRefill && store.hintStats().some(({ target, count }) => target === pair.peer && count > 0),
      onFault: (fault) => {
        isWhole = false;
        this.#fault(fault, where);
      },
    });
    this.#running.add(exchange);
    exchange.outcome.then((outcome) => {
      this.#running.delete(exchange);
      this.#ended(pair, outcome, isWhole);
      if (outcome.error !== undefined) this.#fault(outcome.error, where);
      this.#actor.send({ type: 'exchange.ended' });
    });
  }

  /** `isWhole`: no single record was passed over. */
  #ended(pair: Pair, outcome: ExchangeOutcome, isWhole: boolean): void {
    this.#rounds.exchanged(pair, outcome.completed && isWhole, this.#options.clock.monotonicMs());
    this.#noteFilled();
    this.#counts.exchanges += 1;
    if (!outcome.completed) this.#counts.failedExchanges += 1;
    this.#counts.keysSent += outcome.sent;
    this.#counts.keysReceived += outcome.received;
    this.#counts.bytesSent += outcome.bytesSent;
    this.#counts.bytesReceived += outcome.bytesReceived;
  }

  #replica(partition: number, peer: string) {
    const { bus, store, membership } = this.#options;
    const scope = sharedBuckets(membership.ring, partition, membership.self, peer);
    if (scope === 'none') return undefined;
    const { timeoutMs } = this.#limits;
    const heldByOthers = askOthers({
      bus,
      membership,
      peer,
      timeoutMs: timeoutMs / 4,
      barrierOf: (of) => store.adoptedBarrier(of),
    });
    return storeReplica({ store, partition, scope, heldByOthers });
  }

  #fault(error: unknown, where: string): void {
    this.#options.onFault?.(error as Error, where);
  }
}
