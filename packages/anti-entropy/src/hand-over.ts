import type { Bus, Clock, Random } from '@ringfort/bus';
import type { NodeMembership } from '@ringfort/membership';
import type { SlotMove } from '@ringfort/ring';
import type { Moves, RecordId, Store } from '@ringfort/storage';
import { handOverTake } from './hand-over-contract.ts';
import { backoffAfter, type Giving, isSameGiving, isWithoutPart, movingOf, strayOf } from './hand-over-core.ts';
import { RunningGiving } from './hand-over-giving.ts';
import { defaultHandOverLimits, type HandOverLimits } from './hand-over-limits.ts';
import { Takings } from './hand-over-takings.ts';
import { passHintsOn } from './pass-hints-on.ts';
import type { Transfers } from './transfer-api.ts';
import { transferAddress } from './transfer-contract.ts';

export interface HandOversOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly membership: NodeMembership;
  /** Of this node. Closed by whoever made it, after the hand-overs. */
  readonly transfers: Transfers;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<HandOverLimits> | undefined;
  readonly onEvent?: ((event: HandOverEvent) => void) | undefined;
  /** Told of what is tried again. */
  readonly onFault?: ((fault: unknown, where: string) => void) | undefined;
}

export type HandOverEvent =
  /** This node has recorded that a slot changed hands; without `to` it was closed. */
  | {
      readonly type: 'slot.handedOver';
      readonly partition: number;
      readonly replica: number;
      readonly to: string | undefined;
    }
  /** Records of a partition that is not this node's were forgotten, as all its owners hold them. */
  | { readonly type: 'partition.forgotten'; readonly partition: number; readonly records: number }
  | { readonly type: 'node.left' };

/** Counters since start, for metrics; plain numbers that only grow (gauges are marked). */
export interface HandOverStats {
  /** Slots that this node has handed over, or recorded a successor for. */
  readonly handedOver: number;
  /** Attempts that failed and are made again. */
  readonly failures: number;
  /** Records of other nodes' partitions that were forgotten. */
  readonly recordsForgotten: number;
  /** Gauge: slots that this node gives away now. */
  readonly giving: number;
  /** Gauge: partitions whose records it offers to their owners. */
  readonly offering: number;
  /** Gauge: moves of the whole cluster that are not done, as this node knows the ring. */
  readonly movesLeft: number;
}

/** Carries out what the ring says is to change hands, on both sides. What serves the node's writes is to be given it. */
export interface HandOvers extends Moves {
  stats(): HandOverStats;
  /** Ends all attempts; what was not recorded goes on after the next start. */
  close(): void;
}

/** How long a taking side remembers what nobody asks about. */
const takingLeaseMs = 60_000;
const emptyRoot = '0'.repeat(16);

export function createHandOvers(options: HandOversOptions): HandOvers {
  return new HandOverService(options);
}

type Counts = { -readonly [Name in 'handedOver' | 'failures' | 'recordsForgotten']: number };

class HandOverService implements HandOvers {
  readonly #options: HandOversOptions;
  readonly #limits: HandOverLimits;
  readonly #takings: Takings;
  readonly #running = new Map<number, RunningGiving>();
  /** Partitions that failed, and when they may be tried again. */
  readonly #failed = new Map<number, { readonly failures: number; readonly notBeforeMs: number }>();
  readonly #subscriptions: { unsubscribe(): void }[];
  readonly #counts: Counts = { handedOver: 0, failures: 0, recordsForgotten: 0 };
  #look: unknown;
  #sweep: unknown;
  #isPassingHints = false;
  #isClosed = false;

  constructor(options: HandOversOptions) {
    this.#options = options;
    this.#limits = { ...defaultHandOverLimits, ...options.limits };
    const { bus, membership, transfers, clock } = options;
    const onFault = (fault: unknown, where: string) => this.#fault(fault, where);
    const mayTake = (partition: number) => {
      const running = this.#running.get(partition);
      return running === undefined || running.giving.move !== undefined;
    };
    this.#takings = new Takings({ transfers, membership, clock, mayTake, leaseMs: takingLeaseMs, onFault });
    this.#subscriptions = [
      bus.serve(transferAddress(membership.self), handOverTake, (request, { from, timeoutMs }) =>
        this.#takings.take(request, from.replace(/^node\./, ''), timeoutMs / 2),
      ),
      membership.on(({ type }) => {
        if (type === 'ring.changed' || type === 'state.changed') this.#ringChanged();
        else if (type === 'node.up') this.#lookSoon();
      }),
    ];
    this.#lookSoon();
    this.#sweepLater();
  }

  forwardTo(partition: number): string | undefined {
    return this.#running.get(partition)?.forwardTo;
  }

  missed({ partition }: RecordId, to: string, error: Error): boolean {
    const running = this.#running.get(partition);
    return running?.forwardTo === to ? running.missed(error) : true;
  }

  stats(): HandOverStats {
    const { ring } = this.#options.membership;
    const givings = [...this.#running.values()].map(({ giving }) => giving);
    let movesLeft = 0;
    for (let partition = 0; ring.founded && partition < ring.partitions; partition++)
      movesLeft += ring.moves(partition).length;
    const offering = givings.filter(({ move }) => move === undefined).length;
    return { ...this.#counts, giving: givings.length - offering, offering, movesLeft };
  }

  close(): void {
    this.#isClosed = true;
    const { clock } = this.#options;
    clock.clearTimeout(this.#look);
    clock.clearTimeout(this.#sweep);
    for (const one of this.#subscriptions) one.unsubscribe();
    // What is being recorded may still count: until the node is closed its writes go on being forwarded.
    for (const running of this.#running.values()) running.stop();
    this.#takings.close();
  }

  #ringChanged(): void {
    this.#takings.ringChanged();
    this.#lookSoon();
  }

  #lookSoon(): void {
    if (this.#look !== undefined || this.#isClosed) return;
    this.#look = this.#options.clock.setTimeout(() => {
      this.#look = undefined;
      this.#lookAround();
    }, this.#limits.settleMs);
  }

  #sweepLater(): void {
    const { clock, random } = this.#options;
    const { sweepMs } = this.#limits;
    this.#sweep = clock.setTimeout(
      () => {
        this.#sweepLater();
        this.#takings.sweep();
        this.#passHintsOn();
        this.#lookAround();
      },
      sweepMs + random.below(Math.ceil(sweepMs / 8)),
    );
  }

  /** Ends what is not to be done any more, begins what there is room for: slots first, then records that are only kept. */
  #lookAround(): void {
    const { membership } = this.#options;
    const isMember = membership.state === 'member' && membership.ring.founded;
    for (const running of this.#running.values())
      if (!isMember || !isSameGiving(running.giving, this.#due(running.giving))) running.gone();
    if (!isMember) return;
    const { partitions } = membership.ring;
    const first = this.#options.random.below(partitions);
    for (const dueOf of [movingOf, strayOf]) {
      for (let i = 0; i < partitions && this.#running.size < this.#limits.maxGiving; i++) {
        const partition = (first + i) % partitions;
        if (this.#mayBegin(partition, dueOf === strayOf))
          this.#beginIfDue(dueOf(membership.ring, partition, membership.self));
      }
    }
    this.#departIfDone();
  }

  #due({ partition, move }: Giving): Giving | undefined {
    const { ring, self } = this.#options.membership;
    return (move === undefined ? strayOf : movingOf)(ring, partition, self);
  }

  #mayBegin(partition: number, isStray: boolean): boolean {
    const { store, clock } = this.#options;
    if (this.#running.has(partition)) return false;
    if (isStray && (store.root(partition) === emptyRoot || this.#takings.isFetching(partition))) return false;
    return (this.#failed.get(partition)?.notBeforeMs ?? 0) <= clock.monotonicMs();
  }

  #beginIfDue(giving: Giving | undefined): void {
    const { membership, store, bus, clock, random } = this.#options;
    if (giving === undefined || !giving.takers.every((node) => membership.isUp(node))) return;
    const { partition, move } = giving;
    // What is still to come from the other owners would not come to the next one.
    if (move !== undefined && !store.isFilled(partition)) return;
    const running = new RunningGiving({
      bus,
      clock,
      limits: this.#limits,
      giving,
      session: Buffer.from(random.bytes(8)).toString('hex'),
      conclude: move === undefined ? this.#forgetting(partition) : (isSound) => this.#handOver(move, isSound),
      onFailure: (error) => this.#fault(error, `handing over partition ${partition}`),
      onEnd: (outcome, error) => this.#ended(running, outcome, error),
    });
    this.#running.set(partition, running);
    running.begin();
  }

  async #handOver(move: SlotMove, isSound: () => boolean): Promise<boolean> {
    const { membership } = this.#options;
    return membership.state === 'member' && (await membership.slots.handOver(move, isSound));
  }

  /** Drops the records batch by batch, as long as nothing was written since the owners were asked. */
  #forgetting(partition: number): () => Promise<boolean> {
    const { store, transfers, membership } = this.#options;
    const root = store.root(partition);
    return async () => {
      // What a transfer to this node had brought is not here any more.
      await transfers.forget(partition);
      let left = { root };
      let records = 0;
      while (
        strayOf(membership.ring, partition, membership.self) !== undefined &&
        !this.#takings.isFetching(partition)
      ) {
        const { outcome, dropped, root: after } = await store.dropRecords(partition, left, this.#limits.dropItems);
        records += dropped;
        this.#counts.recordsForgotten += dropped;
        if (outcome === 'changed') return false;
        if (outcome === 'all') {
          this.#options.onEvent?.({ type: 'partition.forgotten', partition, records });
          return true;
        }
        left = { root: after };
      }
      return false;
    };
  }

  #ended(running: RunningGiving, outcome: 'concluded' | 'gone' | 'failed', error: unknown): void {
    const { partition, move } = running.giving;
    if (this.#running.get(partition) === running) this.#running.delete(partition);
    if (this.#isClosed) return;
    if (outcome === 'failed') this.#noteFailure(partition, error);
    else this.#failed.delete(partition);
    if (outcome === 'concluded' && move !== undefined) {
      this.#counts.handedOver += 1;
      const { replica, to } = move;
      this.#options.onEvent?.({ type: 'slot.handedOver', partition, replica, to });
    }
    if (outcome !== 'gone') this.#lookSoon();
  }

  #noteFailure(partition: number, error: unknown): void {
    const { clock, random } = this.#options;
    const failures = (this.#failed.get(partition)?.failures ?? 0) + 1;
    const pauseMs = backoffAfter(failures, this.#limits);
    const notBeforeMs = clock.monotonicMs() + (pauseMs * (500 + random.below(501))) / 1000;
    this.#failed.set(partition, { failures, notBeforeMs });
    this.#counts.failures += 1;
    clock.setTimeout(() => this.#lookSoon(), notBeforeMs - clock.monotonicMs());
    this.#fault(error, `giving partition ${partition} away`);
  }

  #passHintsOn(): void {
    const { store, membership } = this.#options;
    if (this.#isPassingHints || membership.state !== 'member') return;
    this.#isPassingHints = true;
    passHintsOn(store, membership, this.#limits.hintsPerSweep)
      .catch((error: unknown) => this.#fault(error, 'handing on what is kept for nodes that are gone'))
      .finally(() => {
        this.#isPassingHints = false;
      });
  }

  /** A leaving node goes when it has nothing left that anybody may lack. */
  #departIfDone(): void {
    const { membership, store, onEvent } = this.#options;
    const { ring, self } = membership;
    if (ring.node(self)?.leaving !== true || this.#running.size > 0 || !isWithoutPart(ring, self)) return;
    if (store.hintStats().some(({ count }) => count > 0)) return;
    for (let partition = 0; partition < ring.partitions; partition++) if (store.root(partition) !== emptyRoot) return;
    membership.slots.depart().then(
      (gone) => {
        if (gone) onEvent?.({ type: 'node.left' });
      },
      (error: unknown) => this.#fault(error, 'leaving the cluster'),
    );
  }

  #fault(fault: unknown, where: string): void {
    if (!this.#isClosed) this.#options.onFault?.(fault, where);
  }
}
