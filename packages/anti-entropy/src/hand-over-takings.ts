import type { Clock } from '@ringfort/bus';
import type { NodeMembership } from '@ringfort/membership';
import { NotServingError } from '@ringfort/storage';
import type { HandOverTakeReply, HandOverTakeRequest } from './hand-over-contract.ts';
import { hasPart } from './hand-over-core.ts';
import type { Transfer, Transfers } from './transfer-api.ts';

export interface TakingsOptions {
  readonly transfers: Transfers;
  readonly membership: NodeMembership;
  readonly clock: Clock;
  /** Whether this node is not about to forget what it holds of the partition. */
  readonly mayTake: (partition: number) => boolean;
  /** What nobody asks about for so long is forgotten. */
  readonly leaseMs: number;
  readonly onFault: (fault: unknown, where: string) => void;
}

/** A partition that another node has asked this one to fetch from it. */
interface Taking {
  readonly source: string;
  /** As the source asks now. */
  session: string;
  /** For which of them the transfer was begun. */
  begunFor: string;
  transfer: Transfer;
  state: 'fetching' | 'held' | 'failed';
  error: unknown;
  askedMs: number;
  readonly waiting: Set<() => void>;
}

/**
 * The taking side of hand-overs: fetches a partition when its giver asks for that, and says when all is here. What was fetched for one session of
 * the giver says nothing to the next: between the two it may have acknowledged what it did not forward.
 */
export class Takings {
  readonly #options: TakingsOptions;
  readonly #takings = new Map<number, Taking>();
  readonly #begunMs: number;

  constructor(options: TakingsOptions) {
    this.#options = options;
    this.#begunMs = options.clock.monotonicMs();
  }

  /** Whether a partition is on its way to this node. */
  isFetching(partition: number): boolean {
    return this.#takings.get(partition)?.state === 'fetching';
  }

  /** Answers as soon as there is something to tell, or after `waitMs`. */
  async take(request: HandOverTakeRequest, source: string, waitMs: number): Promise<HandOverTakeReply> {
    const { membership, clock } = this.#options;
    if (membership.state !== 'member' || membership.ring.node(source) === undefined) throw new NotServingError();
    const taking = this.#takingOf(request, source);
    if (taking === undefined) return { state: 'busy' };
    taking.askedMs = clock.monotonicMs();
    if (taking.state === 'fetching') await this.#change(taking, waitMs);
    if (taking.state === 'failed') {
      this.#takings.delete(request.partition);
      throw taking.error;
    }
    return { state: taking.state === 'held' && taking.begunFor === request.session ? 'held' : 'fetching' };
  }

  /** Ends what nobody wants any more, by the ring as it is. */
  ringChanged(): void {
    const { ring, self } = this.#options.membership;
    for (const [partition, taking] of this.#takings) {
      if (ring.node(taking.source) !== undefined && hasPart(ring, partition, self)) continue;
      this.#takings.delete(partition);
      this.#abort(partition, taking);
    }
  }

  /** Forgets what was acted upon, and what nobody has asked about for long. */
  sweep(): void {
    const { clock, leaseMs, transfers } = this.#options;
    const oldestMs = clock.monotonicMs() - leaseMs;
    for (const [partition, { state, askedMs }] of this.#takings)
      if (state !== 'fetching' && askedMs < oldestMs) this.#takings.delete(partition);
    if (this.#begunMs > oldestMs) return;
    const kept = new Set([...this.#takings.keys(), ...transfers.receiving.map(({ partition }) => partition)]);
    for (const { partition } of transfers.known()) if (!kept.has(partition)) this.#forget(partition);
  }

  close(): void {
    for (const taking of this.#takings.values()) wake(taking);
    this.#takings.clear();
  }

  #takingOf({ partition, session }: HandOverTakeRequest, source: string): Taking | undefined {
    const known = this.#takings.get(partition);
    if (known?.state === 'fetching') {
      if (known.source !== source) return undefined;
      known.session = session;
      return known;
    }
    if (known?.source === source && known.session === session) return known;
    const transfer = this.#start(partition, source);
    if (transfer === undefined) return undefined;
    const taking: Taking = {
      source,
      session,
      begunFor: session,
      transfer,
      state: 'fetching',
      error: undefined,
      askedMs: 0,
      waiting: new Set(),
    };
    this.#takings.set(partition, taking);
    this.#follow(partition, taking);
    return taking;
  }

  /** Undefined: as many as may be are under way. */
  #start(partition: number, source: string): Transfer | undefined {
    if (!this.#options.mayTake(partition)) return undefined;
    try {
      return this.#options.transfers.start({ partition, source });
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === 'TRANSFERS_BUSY' || code === 'TRANSFER_EXISTS') return undefined;
      throw error;
    }
  }

  #follow(partition: number, taking: Taking): void {
    taking.transfer.done.then(
      () => this.#fetched(partition, taking),
      (error: unknown) => this.#failed(taking, error),
    );
  }

  #fetched(partition: number, taking: Taking): void {
    if (this.#takings.get(partition) !== taking) return;
    if (taking.begunFor === taking.session) {
      taking.state = 'held';
      wake(taking);
      return;
    }
    const again = this.#start(partition, taking.source);
    if (again === undefined) {
      this.#takings.delete(partition);
      wake(taking);
      return;
    }
    taking.begunFor = taking.session;
    taking.transfer = again;
    this.#follow(partition, taking);
  }

  #failed(taking: Taking, error: unknown): void {
    taking.state = 'failed';
    taking.error = error;
    wake(taking);
  }

  #abort(partition: number, taking: Taking): void {
    taking.transfer.abort().catch((error: unknown) => this.#options.onFault(error, `giving up partition ${partition}`));
    wake(taking);
  }

  #forget(partition: number): void {
    const { transfers, onFault } = this.#options;
    transfers
      .forget(partition)
      .catch((error: unknown) => onFault(error, `forgetting a transfer of partition ${partition}`));
  }

  #change({ waiting }: Taking, waitMs: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const end = () => {
        waiting.delete(end);
        clock.clearTimeout(timer);
        resolve();
      };
      const timer = clock.setTimeout(end, waitMs);
      waiting.add(end);
    });
  }
}

function wake({ waiting }: Taking): void {
  for (const end of [...waiting]) end();
}
