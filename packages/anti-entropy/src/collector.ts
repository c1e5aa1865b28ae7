import type { Bus, Clock, Random } from '@ringfort/bus';
import type { Membership } from '@ringfort/membership';
import type { Store } from '@ringfort/storage';
import { type Actor, createActor, fromPromise } from 'xstate';
import { BarrierNews } from './barrier-news.ts';
import type { CollectableRecord } from './collect-contract.ts';
import { isDriver, isSettled } from './collect-core.ts';
import { type CollectionOutcome, collectMachine } from './collect-machine.ts';
import { CollectMember } from './collect-member.ts';
import { CollectRound } from './collect-round.ts';
import { CollectableFinder } from './collectables.ts';

/** Bounds and times of collections. */
export interface CollectLimits {
  /** How often a node looks for what can be collected; 0: it begins no collections, and takes part in those of others. */
  readonly intervalMs: number;
  /** A tombstone that was found before is collected after so long at the earliest. */
  readonly minAgeMs: number;
  /** How long writes that are older than a barrier have to arrive before they are refused. */
  readonly courtesyMs: number;
  /** Of one collection. */
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Of every request. */
  readonly timeoutMs: number;
}

export const defaultCollectLimits: CollectLimits = Object.freeze({
  intervalMs: 60_000,
  minAgeMs: 60_000,
  courtesyMs: 3_000,
  maxRecords: 512,
  maxBytes: 256 * 1024,
  timeoutMs: 10_000,
});

export interface CollectorOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<CollectLimits> | undefined;
  /** Told of what nobody waits for: a collection that failed. */
  readonly onFault?: ((fault: Error, where: string) => void) | undefined;
}

/** Counters since start, for metrics. */
export interface CollectorStats {
  /** Gauge: what is to be collected, as this node last found it in the partitions whose collections it drives. */
  readonly tombstones: number;
  /** Records that were collected, and clocks that were shortened. */
  readonly collected: number;
  readonly collections: number;
  readonly failedCollections: number;
}

/** Collects tombstones, expired objects and what clocks need no more, on proof: see docs/protocols/collection.md. */
export interface Collector {
  /** Whether this node knows of every collection that is complete: before, it must not serve what it holds, nor take what comes. */
  readonly knowsBarriers: boolean;
  stats(): CollectorStats;
  close(): void;
}

export function createCollector(options: CollectorOptions): Collector {
  return new Sweeper(options);
}

const JITTER = 0.1;

class Sweeper implements Collector {
  readonly #options: CollectorOptions;
  readonly #limits: CollectLimits;
  readonly #news: BarrierNews;
  readonly #member: CollectMember;
  readonly #finder: CollectableFinder;
  readonly #found = new Map<number, number>();
  readonly #highest = new Map<number, number>();
  #counts = { collected: 0, collections: 0, failedCollections: 0 };
  #running: Actor<typeof collectMachine> | undefined;
  #timer: unknown;
  #closed = false;

  constructor(options: CollectorOptions) {
    const { membership, store, clock } = options;
    const limits = { ...defaultCollectLimits, ...options.limits };
    this.#options = options;
    this.#limits = limits;
    this.#news = new BarrierNews({ ...options, timeoutMs: limits.timeoutMs });
    this.#member = new CollectMember({ ...options, knowsBarriers: () => this.#news.areKnown });
    this.#finder = new CollectableFinder({ ...limits, store, clock, self: membership.self });
    this.#rest();
  }

  get knowsBarriers(): boolean {
    return this.#news.areKnown;
  }

  stats(): CollectorStats {
    let tombstones = 0;
    for (const found of this.#found.values()) tombstones += found;
    return { tombstones, ...this.#counts };
  }

  close(): void {
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#timer);
    this.#running?.stop();
    this.#news.close();
    this.#member.close();
  }

  #rest(): void {
    const { intervalMs } = this.#limits;
    if (intervalMs === 0 || this.#closed) return;
    const { clock, random } = this.#options;
    const waitMs = intervalMs * (1 + JITTER * (random.below(2048) / 1024 - 1));
    this.#timer = clock.setTimeout(() => {
      this.#sweep()
        .catch((error: unknown) => this.#fault(error, 'collection'))
        .finally(() => this.#rest());
    }, waitMs);
  }

  /** One partition after the other. */
  async #sweep(): Promise<void> {
    const { membership } = this.#options;
    if (membership.state !== 'member' || !this.knowsBarriers) return;
    this.#found.clear();
    for (const partition of membership.ring.partitionsOf(membership.self)) {
      const { ring, self } = membership;
      if (this.#closed) return;
      if (!isDriver(ring, partition, self, (node) => membership.isUp(node)) || !isSettled(ring, partition)) continue;
      const { records, found } = await this.#finder.find(ring, partition);
      if (found > 0) this.#found.set(partition, found);
      if (records.length === 0 || this.#closed) continue;
      const collected = await this.#collect(partition, records);
      this.#found.set(partition, Math.max(0, found - collected));
    }
  }

  async #collect(partition: number, records: readonly CollectableRecord[]): Promise<number> {
    const { bus, membership, random } = this.#options;
    const { timeoutMs } = this.#limits;
    const highest = {
      get: () => this.#highest.get(partition) ?? 0,
      note: (adopted: number) => {
        this.#highest.set(partition, Math.max(adopted, this.#highest.get(partition) ?? 0));
      },
    };
    const round = new CollectRound({ bus, membership, random, partition, timeoutMs, highest });
    const { error, collected } = await this.#run(round, partition, records);
    this.#counts.collections += 1;
    this.#counts.collected += collected;
    if (error !== undefined) {
      this.#counts.failedCollections += 1;
      this.#fault(error, `collection of partition ${partition}`);
    }
    return collected;
  }

  #run(round: CollectRound, partition: number, records: readonly CollectableRecord[]): Promise<CollectionOutcome> {
    const machine = collectMachine.provide({
      actors: {
        prove: fromPromise(({ input }) => round.prove(input)),
        adopt: fromPromise(({ input }) => round.adopt(input)),
        raise: fromPromise(({ input }) => round.raise(input)),
        drop: fromPromise(({ input }) => round.drop(input)),
      },
      delays: { courtesy: this.#limits.courtesyMs },
    });
    const actor = createActor(machine, { input: { partition, records }, clock: this.#options.clock });
    this.#running = actor;
    return new Promise((resolve) => {
      actor.subscribe({
        complete: () => resolve(actor.getSnapshot().output ?? { error: undefined, collected: 0 }),
        error: (error) => resolve({ error, collected: 0 }),
      });
      actor.start();
    });
  }

  #fault(error: unknown, where: string): void {
    this.#options.onFault?.(error as Error, where);
  }
}
