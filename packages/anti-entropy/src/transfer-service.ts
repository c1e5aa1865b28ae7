import { type Bus, type Clock, DeadlineWheel, type Random, systemClock, systemRandom } from '@ringfort/bus';
import type {
  KnownTransfer,
  Transfer,
  TransferEvent,
  TransferProgress,
  Transfers,
  TransfersOptions,
} from './transfer-api.ts';
import { transferAddress, transferClose, transferLeaves, transferNext, transferOpen } from './transfer-contract.ts';
import {
  InvalidTransferError,
  TransferExistsError,
  TransferRefusedError,
  TransfersBusyError,
  TransfersClosedError,
} from './transfer-errors.ts';
import { type TransferLimits, transferLimits } from './transfer-limits.ts';
import type { TransferStore } from './transfer-port.ts';
import { RateLimiter } from './transfer-rate.ts';
import { Running } from './transfer-running.ts';
import { Senders, type Sending } from './transfer-send.ts';
import {
  allStates,
  comparedFirst,
  decodeState,
  freshState,
  stateKey,
  statesOf,
  type TransferState,
} from './transfer-state-core.ts';

/** Brings partitions to this node, and hands out those that others ask for, at `node.<id>.transfers`. */
export function createTransfers(options: TransfersOptions): Transfers {
  return new TransferService(options);
}

class TransferService implements Transfers {
  readonly #bus: Bus;
  readonly #nodeId: string;
  readonly #store: TransferStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: TransferLimits;
  readonly #incoming: RateLimiter;
  readonly #onFault: (fault: unknown, where: string) => void;
  readonly #maySend: (partition: number, target: string) => boolean;
  readonly #senders: Senders;
  readonly #running = new Map<number, Running>();
  readonly #listeners = new Set<(event: TransferEvent) => void>();
  readonly #served: { unsubscribe(): void }[];
  #isClosed = false;

  constructor(options: TransfersOptions) {
    const { bus, nodeId, store, clock = systemClock, foregroundP99Ms = () => undefined } = options;
    this.#bus = bus;
    this.#nodeId = nodeId;
    this.#store = store;
    this.#clock = clock;
    this.#random = options.random ?? systemRandom;
    this.#limits = transferLimits(options.limits);
    this.#onFault = options.onFault ?? (() => undefined);
    this.#maySend = options.maySend ?? (() => true);
    this.#incoming = new RateLimiter(this.#limits, clock, foregroundP99Ms);
    this.#senders = new Senders({
      nodeId,
      store,
      clock,
      wheel: new DeadlineWheel(clock),
      limiter: new RateLimiter(this.#limits, clock, foregroundP99Ms),
      limits: this.#limits,
      maySend: this.#maySend,
      onFault: this.#onFault,
    });
    this.#served = this.#serve();
  }

  get receiving(): TransferProgress[] {
    return [...this.#running.values()].map(({ transfer }) => transfer.progress);
  }

  get sending(): Sending[] {
    return this.#senders.sendings;
  }

  start({ partition, source }: { readonly partition: number; readonly source: string }): Transfer {
    const { maxReceiving } = this.#limits;
    if (this.#isClosed) throw new TransfersClosedError(this.#nodeId);
    if (source === this.#nodeId)
      throw new InvalidTransferError('a node does not send a partition to itself', { partition, source });
    const running = this.#running.get(partition);
    if (running !== undefined) throw new TransferExistsError(partition, this.#nodeId, running.transfer.source);
    if (this.#running.size >= maxReceiving) throw new TransfersBusyError(this.#nodeId, 'receives', maxReceiving);
    const state = this.#kept({ partition, source }) ?? this.#fresh(partition, source);
    const begun = new Running({ state, effects: this.#effects(), tell: (event) => this.#tell(event) });
    this.#running.set(partition, begun);
    begun.begin(() => this.#running.delete(partition));
    return begun.transfer;
  }

  known(): KnownTransfer[] {
    const states = [...this.#store.listMeta(allStates).values()].map((bytes) => decodeState(bytes));
    return states
      .filter((state) => state !== undefined)
      .map(({ partition, source, isVerified }) => ({ partition, source, isVerified }));
  }

  async forget(partition: number): Promise<void> {
    const running = this.#running.get(partition);
    if (running !== undefined) throw new TransferExistsError(partition, this.#nodeId, running.transfer.source);
    const keys = [...this.#store.listMeta(statesOf(partition)).keys()];
    await Promise.all(keys.map((key) => this.#store.putMeta(key, undefined)));
  }

  on(listener: (event: TransferEvent) => void): { unsubscribe(): void } {
    this.#listeners.add(listener);
    return { unsubscribe: () => this.#listeners.delete(listener) };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const served of this.#served) served.unsubscribe();
    this.#senders.closeAll();
    const error = new TransfersClosedError(this.#nodeId);
    await Promise.all([...this.#running.values()].map((running) => running.close(error)));
  }

  #kept(of: { readonly partition: number; readonly source: string }): TransferState | undefined {
    const bytes = this.#store.getMeta(stateKey(of));
    if (bytes === undefined) return undefined;
    const state = decodeState(bytes);
    if (state === undefined)
      this.#onFault(
        new InvalidTransferError('what was kept of a transfer cannot be read: it starts over', of),
        'start',
      );
    return state;
  }

  #fresh(partition: number, source: string): TransferState {
    const state = freshState(partition, source, Buffer.from(this.#random.bytes(8)).toString('hex'));
    return this.#store.leaves(partition).size === 0 ? state : comparedFirst(state);
  }

  #effects() {
    return {
      bus: this.#bus,
      store: this.#store,
      clock: this.#clock,
      random: this.#random,
      limiter: this.#incoming,
      limits: this.#limits,
      onFault: this.#onFault,
    };
  }

  #tell(event: TransferEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  #serve(): { unsubscribe(): void }[] {
    const address = transferAddress(this.#nodeId);
    const senders = this.#senders;
    return [
      this.#bus.serve(address, transferOpen, (request, { from }) => senders.open(request, nodeOf(from))),
      this.#bus.answer(address, transferNext, (request, { from, timeoutMs }, done) =>
        senders.next(request, nodeOf(from), timeoutMs, done),
      ),
      this.#bus.serve(address, transferLeaves, ({ partition }, { from }) => this.#leaves(partition, nodeOf(from))),
      this.#bus.serve(address, transferClose, (request, { from }) => {
        senders.close(request, nodeOf(from));
        return {};
      }),
    ];
  }

  #leaves(partition: number, target: string) {
    if (!this.#maySend(partition, target)) throw new TransferRefusedError(this.#nodeId, partition, target);
    const { storeId } = this.#store;
    const leaves = [...this.#store.leaves(partition)].map(([leaf, digest]) => ({ leaf, digest }));
    return { storeId, barrier: this.#store.barrier(partition), leaves };
  }
}

/** `node.n2` is `n2`. */
const nodeOf = (identity: string): string => identity.slice(identity.indexOf('.') + 1);
