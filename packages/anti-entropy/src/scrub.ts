import type { Bus, Clock, Random } from '@ringfort/bus';
import type { Membership } from '@ringfort/membership';
import { NotServingError, type RecordId, type Store } from '@ringfort/storage';
import { type Actor, createActor, fromPromise } from 'xstate';
import { antiEntropyAddress } from './contract.ts';
import { askOthers } from './held-by-others.ts';
import { mendRecord } from './mend-record.ts';
import { Pace } from './pace.ts';
import { type ScrubPass, type ScrubStatus, scrubStart, scrubStatus } from './scrub-contract.ts';
import { scrubMachine } from './scrub-machine.ts';
import { type Scanned, ScrubWalk } from './scrub-walk.ts';

/** Bounds and times of a scrub. */
export interface ScrubLimits {
  /** From the end of one pass to the begin of the next; 0: only when it is asked for. At most 24 days. */
  readonly intervalMs: number;
  readonly bytesPerSecond: number;
  /** Corrupt records that wait for their other owners; beyond it they are left to the next pass. */
  readonly maxWaiting: number;
  /** How long after that these are asked again. */
  readonly retryMs: number;
  /** Of every request. */
  readonly timeoutMs: number;
}

export const defaultScrubLimits: ScrubLimits = Object.freeze({
  intervalMs: 7 * 24 * 3_600_000,
  bytesPerSecond: 8 * 1024 * 1024,
  maxWaiting: 4_096,
  retryMs: 10_000,
  timeoutMs: 2_500,
});

export interface ScrubOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<ScrubLimits> | undefined;
  /** Told of what nobody waits for: a record that cannot be made whole, a pass that failed. */
  readonly onFault?: ((fault: Error, where: string) => void) | undefined;
}

/** Counters since start, for metrics. */
export interface ScrubStats {
  readonly passes: number;
  readonly bytes: number;
  readonly corrupt: number;
  readonly healed: number;
  /** Gauge: corrupt records that are not whole yet, or that nobody else holds. */
  readonly unhealed: number;
}

/** Reads all that a store holds, from its disk and at a pace, so that rot is found before the last good copy is gone. */
export interface Scrub {
  /** Begins a pass now; one that is under way goes on. */
  start(): ScrubStatus;
  status(): ScrubStatus;
  stats(): ScrubStats;
  close(): void;
}

export function createScrub(options: ScrubOptions): Scrub {
  return new RunningScrub(options);
}

const LAST_END = 'anti-entropy/scrub';
/** A pass takes all partitions that there may be. */
const MOST_LOST = 4_096;

type MutablePass = { -readonly [Name in keyof ScrubPass]: ScrubPass[Name] };

class RunningScrub implements Scrub {
  readonly #options: ScrubOptions;
  readonly #limits: ScrubLimits;
  readonly #pace: Pace;
  readonly #actor: Actor<typeof scrubMachine>;
  readonly #served: readonly { unsubscribe(): void }[];
  readonly #waiting = new Map<string, RecordId>();
  readonly #lost = new Set<string>();
  #counts = { passes: 0, bytes: 0, corrupt: 0, healed: 0 };
  #walk: ScrubWalk | undefined;
  #pass: MutablePass | undefined;

  constructor(options: ScrubOptions) {
    const { bus, clock, membership } = options;
    this.#options = options;
    this.#limits = { ...defaultScrubLimits, ...options.limits };
    this.#pace = new Pace(clock, this.#limits.bytesPerSecond);
    this.#actor = createActor(this.#machine(), { clock });
    this.#actor.subscribe({ error: (error) => this.#fault(error, 'scrub') });
    this.#actor.start();
    const address = antiEntropyAddress(membership.self);
    this.#served = [
      bus.serve(address, scrubStart, () => this.start()),
      bus.serve(address, scrubStatus, () => this.status()),
    ];
  }

  start(): ScrubStatus {
    this.#actor.send({ type: 'scrub.start' });
    return this.status();
  }

  status(): ScrubStatus {
    const { value, context } = this.#actor.getSnapshot();
    const state = value === 'mending' ? 'mending' : context.passing ? 'scanning' : 'resting';
    const { self: node } = this.#options.membership;
    const [waiting, lost] = [this.#waiting.size, this.#lost.size];
    return { node, state, ...(this.#pass && { pass: { ...this.#pass } }), waiting, lost };
  }

  stats(): ScrubStats {
    return { ...this.#counts, unhealed: this.#waiting.size + this.#lost.size };
  }

  close(): void {
    for (const one of this.#served) one.unsubscribe();
    this.#actor.stop();
  }

  #machine(): typeof scrubMachine {
    const { clock } = this.#options;
    return scrubMachine.provide({
      actors: {
        scanPage: fromPromise(async () => this.#scan()),
        mend: fromPromise(() => this.#mend()),
        noteEnd: fromPromise(() => this.#noteEnd(clock.now())),
      },
      guards: {
        isPeriodic: () => this.#limits.intervalMs > 0,
        isWaiting: () => this.#waiting.size > 0,
      },
      actions: {
        tellScanned: (_, scanned) => this.#scanned(scanned),
        forgetWalk: () => {
          this.#walk = undefined;
        },
        tellFailure: (_, { error }) => this.#fault(error, 'scrub'),
      },
      delays: {
        untilDue: () => this.#untilDueMs(),
        retry: this.#limits.retryMs,
        pace: ({ context }) => this.#pace.afterMs(context.lastBytes),
      },
    });
  }

  /** A store that was never looked at counts as new: its first pass comes an interval after its first start. */
  #untilDueMs(): number {
    const { store, clock } = this.#options;
    const { intervalMs, retryMs } = this.#limits;
    const row = store.getMeta(LAST_END);
    if (row === undefined) {
      this.#noteEnd(clock.now()).catch((error: unknown) => this.#fault(error, 'scrub'));
      return intervalMs;
    }
    const endedMs = Number(Buffer.from(row).toString());
    // A wall clock that was set back makes nobody wait for longer than usual, a pass that fails does not begin again at once.
    return Math.min(intervalMs, Math.max(retryMs, endedMs + intervalMs - clock.now()));
  }

  #scan(): Scanned {
    const { store, membership, random, clock } = this.#options;
    const { partitions } = membership.ring;
    if (membership.state !== 'member') throw new NotServingError();
    // Passes that restarts break off begin elsewhere each time: so every record has its turn.
    this.#walk ??= this.#begin(new ScrubWalk(store, partitions, random.below(partitions)), clock.now(), partitions);
    return this.#walk.next();
  }

  #begin(walk: ScrubWalk, beganMs: number, partitions: number): ScrubWalk {
    this.#pass = { beganMs, done: 0, partitions, records: 0, bytes: 0, corrupt: 0, healed: 0 };
    this.#lost.clear();
    return walk;
  }

  #scanned({ records, bytes, corrupt, corruptHints, done }: Scanned): void {
    const found = corrupt.length + corruptHints;
    this.#counts.bytes += bytes;
    this.#counts.corrupt += found;
    const pass = this.#pass!;
    pass.done = done;
    pass.records += records;
    pass.bytes += bytes;
    pass.corrupt += found;
    for (const id of corrupt) if (this.#waiting.size < this.#limits.maxWaiting) this.#waiting.set(nameOf(id), id);
  }

  async #mend(): Promise<void> {
    const { bus, store, membership } = this.#options;
    const { timeoutMs } = this.#limits;
    const barrierOf = (partition: number) => store.barrier(partition);
    const heldByOthers = askOthers({ bus, membership, peer: membership.self, timeoutMs, barrierOf });
    for (const [name, id] of [...this.#waiting]) {
      const mended = await mendRecord({ store, heldByOthers }, id);
      if (mended === 'waiting') continue;
      this.#waiting.delete(name);
      if (mended === 'lost') {
        if (this.#lost.size < MOST_LOST) this.#lost.add(name);
        continue;
      }
      this.#counts.healed += 1;
      if (this.#pass !== undefined) this.#pass.healed += 1;
    }
  }

  async #noteEnd(nowMs: number): Promise<void> {
    if (this.#pass !== undefined && this.#walk !== undefined) {
      this.#pass.endedMs = nowMs;
      this.#counts.passes += 1;
    }
    this.#walk = undefined;
    await this.#options.store.putMeta(LAST_END, Buffer.from(String(Math.floor(nowMs))));
  }

  #fault(error: unknown, where: string): void {
    this.#options.onFault?.(error as Error, where);
  }
}

const nameOf = ({ partition, bucket, key }: RecordId): string => `${partition} ${bucket}\u0000${key}`;
