import type { Bus, Inbound } from '@ringfort/bus';
import { type ReplicaWriteRequest, replicaWrite } from './contract.ts';
import { StaleSlotsError } from './errors.ts';
import { type Moves, noMoves, type SlotView } from './slots-port.ts';

/** A next owner that is silent for longer has missed the write: the copy must bring it then. */
const MAX_FORWARD_MS = 500;

export interface OwnerGateOptions {
  readonly bus: Bus;
  /** Absent: no version is looked at, as in a store that is served by itself. */
  readonly slots?: SlotView | undefined;
  readonly moves?: Moves | undefined;
}

/** A write of a primary record, as it was asked for. */
export type OwnerWrite = Pick<ReplicaWriteRequest, 'partition' | 'bucket' | 'key' | 'object' | 'slots'>;

type WriteBounds = Pick<Inbound, 'timeoutMs' | 'barrier'>;

/** Stands before everything that a node answers as the owner of a slot, whoever asks. */
export interface OwnerGate {
  /**
   * @param slots the asker's version of the partition's slots; undefined: it does not ask an owner
   * @throws STALE_SLOTS unless this node owns one of them and knows the same version
   */
  check(partition: number, slots: number | undefined): void;
  /**
   * The write is committed: calls back when it may be acknowledged, or with why it may not. At once, unless the partition is being handed
   * over. The version is looked at again: a node that has given its slot up meanwhile does not acknowledge what it took before.
   * @param within how long the asker waits, and the barrier that the object lies behind
   */
  settle(write: OwnerWrite, within: WriteBounds, done: (error: Error | undefined) => void): void;
}

export function createOwnerGate({ bus, slots: view, moves = noMoves }: OwnerGateOptions): OwnerGate {
  const isServed = (partition: number, slots: number | undefined) =>
    slots === undefined || view === undefined || (view.slotVersion(partition) === slots && view.isOwner(partition));

  const stale = (partition: number, slots: number | undefined, stored?: true) => {
    const known = view?.slotVersion(partition);
    const ring = view?.ringVersion();
    return new StaleSlotsError({ partition, asked: slots, known, ring, ...(stored && { stored }) });
  };

  const acknowledge = ({ partition, slots }: OwnerWrite, done: (error: Error | undefined) => void) =>
    done(isServed(partition, slots) ? undefined : stale(partition, slots, true));

  const forward = (to: string, write: OwnerWrite, within: WriteBounds, done: (error: Error | undefined) => void) => {
    const { partition, bucket, key, object, slots } = write;
    const body = { partition, bucket, key, object, sync: true };
    const options = { timeoutMs: Math.max(1, Math.min(MAX_FORWARD_MS, within.timeoutMs)), barrier: within.barrier };
    bus.call(`node.${to}.storage`, replicaWrite, body, options, (error) => {
      if (error === undefined || moves.missed({ partition, bucket, key }, to, error)) acknowledge(write, done);
      else done(stale(partition, slots ?? view?.slotVersion(partition), true));
    });
  };

  return {
    check(partition, slots) {
      if (!isServed(partition, slots)) throw stale(partition, slots);
    },
    settle(write, within, done) {
      const to = moves.forwardTo(write.partition);
      if (to === undefined) acknowledge(write, done);
      else forward(to, write, within, done);
    },
  };
}
