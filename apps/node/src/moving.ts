import {
  createHandOvers,
  createTransfers,
  type HandOverEvent,
  type HandOverStats,
  type HandOvers,
  type TransferEvent,
  type Transfers,
  transferStore,
} from '@ringfort/anti-entropy';
import type { Bus, Clock, Random } from '@ringfort/bus';
import type { NodeMembership } from '@ringfort/membership';
import type { Moves, StoreEngine } from '@ringfort/storage';
import type { Logger } from 'pino';

export interface MovingParts {
  readonly bus: Bus;
  readonly store: StoreEngine;
  readonly membership: NodeMembership;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Of all transfers together, in each direction; 0: as fast as it goes. */
  readonly maxBytesPerSecond: number;
  readonly foregroundP99Ms: () => number | undefined;
  readonly onFault: (fault: unknown, where: string) => void;
}

export interface MovingStats extends HandOverStats {
  /** Gauges: partitions on their way to this node, and from it. */
  readonly receiving: number;
  readonly sending: number;
  /** Counters: of transfers to this node. */
  readonly bytesReceived: number;
  readonly recordsReceived: number;
  readonly transferFailures: number;
}

/** What carries partitions from node to node when the cluster grows or shrinks. Its port for writes is there before it is begun. */
export class Moving {
  #transfers: Transfers | undefined;
  #handOvers: HandOvers | undefined;
  readonly #counts = { bytesReceived: 0, recordsReceived: 0, transferFailures: 0 };
  /** Of each transfer under way, what was counted already. */
  readonly #seen = new Map<string, { readonly bytes: number; readonly records: number }>();
  /** Until it is begun this process hands nothing over. */
  readonly moves: Moves = {
    forwardTo: (partition) => this.#handOvers?.forwardTo(partition),
    missed: (id, to, error) => this.#handOvers?.missed(id, to, error) ?? true,
  };

  begin(parts: MovingParts): void {
    const { bus, store, membership, clock, random, log, maxBytesPerSecond, foregroundP99Ms, onFault } = parts;
    this.#transfers = createTransfers({
      ...{ bus, clock, random, foregroundP99Ms, onFault },
      nodeId: membership.self,
      store: transferStore(store, () => Math.max(1, membership.ring.partitionsOf(membership.self).length)),
      limits: rateLimits(maxBytesPerSecond),
      maySend: (_, target) => membership.state === 'member' && membership.ring.node(target) !== undefined,
    });
    this.#transfers.on((event) => this.#count(event));
    const transfers = this.#transfers;
    const onEvent = (event: HandOverEvent) => tell(log, event);
    this.#handOvers = createHandOvers({ bus, store, membership, transfers, clock, random, onEvent, onFault });
  }

  stats(): MovingStats | undefined {
    const [transfers, handOvers] = [this.#transfers, this.#handOvers];
    if (transfers === undefined || handOvers === undefined) return undefined;
    const underWay = { receiving: transfers.receiving.length, sending: transfers.sending.length };
    return { ...handOvers.stats(), ...underWay, ...this.#counts };
  }

  async close(): Promise<void> {
    this.#handOvers?.close();
    await this.#transfers?.close();
  }

  #count(event: TransferEvent): void {
    if (event.type === 'transfer.failedOnce') this.#counts.transferFailures += 1;
    if (event.type === 'transfer.progressed') this.#grow(event.progress);
    if (event.type === 'transfer.verified') this.#grow(event.outcome);
    if (event.type === 'transfer.verified') this.#seen.delete(nameOf(event.outcome));
    if (event.type === 'transfer.ended') this.#seen.delete(nameOf(event));
  }

  /** What is told is the whole transfer's: one that goes on where it was begins with what came before. */
  #grow(told: {
    readonly partition: number;
    readonly source: string;
    readonly bytes: number;
    readonly records: number;
  }): void {
    const { bytes, records } = told;
    const before = this.#seen.get(nameOf(told)) ?? told;
    this.#counts.bytesReceived += Math.max(0, bytes - before.bytes);
    this.#counts.recordsReceived += Math.max(0, records - before.records);
    this.#seen.set(nameOf(told), { bytes, records });
  }
}

const nameOf = ({ partition, source }: { readonly partition: number; readonly source: string }) =>
  `${partition}/${source}`;

function rateLimits(maxBytesPerSecond: number) {
  if (maxBytesPerSecond === 0) return { maxBytesPerSecond: Number.MAX_SAFE_INTEGER };
  return { maxBytesPerSecond, minBytesPerSecond: Math.min(256 * 1024, maxBytesPerSecond) };
}

function tell(log: Logger, event: HandOverEvent): void {
  const { type, ...details } = event;
  if (type === 'node.left')
    log.warn(details, 'this node has left the cluster: it owns nothing any more, and can be stopped for good');
  else if (type === 'slot.handedOver') log.info(details, 'a slot was handed over');
  else log.info(details, 'records of a partition that all its owners hold were forgotten here');
}
