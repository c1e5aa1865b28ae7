import type { Bus, Clock, Random } from '@ringfort/bus';
import type { TransferLimits } from './transfer-limits.ts';
import type { TransferStore } from './transfer-port.ts';
import type { Sending } from './transfer-send.ts';
import type { CorruptName } from './transfer-state-core.ts';

export interface TransfersOptions {
  readonly bus: Bus;
  readonly nodeId: string;
  readonly store: TransferStore;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly limits?: Partial<TransferLimits>;
  /** 99th percentile of the requests that clients wait for, lately; undefined: nobody asks for anything. */
  readonly foregroundP99Ms?: () => number | undefined;
  /** Whether this node may hand out a partition to another: it owns it, and holds all of it. Always true by default. */
  readonly maySend?: (partition: number, target: string) => boolean;
  /** Told of what nobody waits for. */
  readonly onFault?: (fault: unknown, where: string) => void;
}

/** How far a transfer has come. */
export interface TransferProgress {
  readonly partition: number;
  readonly source: string;
  readonly phase: 'opening' | 'streaming' | 'comparing' | 'backingOff' | 'ending';
  /** Merged and on disk, over all runs of this transfer. */
  readonly records: number;
  readonly bytes: number;
  /** Estimates; undefined: unknown. */
  readonly totalRecords: number | undefined;
  readonly totalBytes: number | undefined;
  /** 0 while the whole partition is sent; then the passes that send what differed. */
  readonly pass: number;
  readonly failures: number;
}

/** What the receiver knows when it holds everything that the source holds. */
export interface TransferVerified {
  readonly partition: number;
  readonly source: string;
  readonly records: number;
  readonly bytes: number;
  readonly passes: number;
  /** Leaves that were being written whenever they were compared; 0: both sides were seen equal at one moment. */
  readonly leavesInFlight: number;
  /** Leaves where this node holds more than the source, or the source cannot read all that it holds. */
  readonly leavesAhead: number;
  /** Records that the source cannot read: they are to come from another replica. */
  readonly corruptRecords: number;
  /** The first of them. */
  readonly corrupt: readonly CorruptName[];
}

export type TransferEvent =
  | { readonly type: 'transfer.progressed'; readonly progress: TransferProgress }
  | { readonly type: 'transfer.failedOnce'; readonly progress: TransferProgress; readonly error: unknown }
  | {
      readonly type: 'transfer.corruptAtSource';
      readonly partition: number;
      readonly source: string;
      readonly records: readonly CorruptName[];
    }
  | { readonly type: 'transfer.verified'; readonly outcome: TransferVerified }
  | { readonly type: 'transfer.ended'; readonly partition: number; readonly source: string; readonly error: Error };

/** One partition on its way to this node. */
export interface Transfer {
  readonly partition: number;
  readonly source: string;
  readonly progress: TransferProgress;
  /** Rejects with `TRANSFER_STALLED`, `TRANSFER_ABORTED` or `TRANSFERS_CLOSED`. */
  readonly done: Promise<TransferVerified>;
  /** Ends it and forgets where it was; what was merged stays. Resolves when both are done; at once when it has ended before. */
  abort(): Promise<void>;
}

/** A transfer that an earlier run of this node has left, or that has ended here. */
export interface KnownTransfer {
  readonly partition: number;
  readonly source: string;
  readonly isVerified: boolean;
}

export interface Transfers {
  /**
   * Brings a partition from `source` to this node: goes on where an earlier transfer from there was. Where this node holds something of the
   * partition, what differs is sent, otherwise everything.
   * @throws TRANSFER_EXISTS, TRANSFERS_BUSY, TRANSFERS_CLOSED
   */
  start(request: { readonly partition: number; readonly source: string }): Transfer;
  /** What is kept of transfers, under way or not. */
  known(): KnownTransfer[];
  /** Forgets where the partition's transfers were, none of them under way: they are acted upon, or nobody wants them any more. */
  forget(partition: number): Promise<void>;
  readonly receiving: readonly TransferProgress[];
  readonly sending: readonly Sending[];
  on(listener: (event: TransferEvent) => void): { unsubscribe(): void };
  /** Ends all, and keeps where they were. Resolves when nothing is written to the store any more. */
  close(): Promise<void>;
}
