import { maxFrameBytes, maxFrameItems, maxFramesInFlight } from './transfer-contract.ts';
import { InvalidTransferError } from './transfer-errors.ts';

/** The bounds of a node's partition transfers; both sides count, the smaller one of each. */
export interface TransferLimits {
  /** Partitions that this node takes at the same time; beyond: `TRANSFERS_BUSY`. */
  readonly maxReceiving: number;
  /** Partitions that this node hands out at the same time; beyond: `TRANSFERS_BUSY`. */
  readonly maxSending: number;
  /** Frames that the receiver asks for ahead of the last one it has acknowledged: its credits. */
  readonly maxFramesInFlight: number;
  readonly maxFrameItems: number;
  /** Of objects in a frame; a single object may be larger. */
  readonly maxFrameBytes: number;
  /** What goes over the network per second, of all transfers of the node together, out and in alike. */
  readonly maxBytesPerSecond: number;
  /** As low as the rate goes while foreground requests are slow. */
  readonly minBytesPerSecond: number;
  /** What may go at once after a rest. */
  readonly burstBytes: number;
  /** Foreground requests slower than this (99th percentile) halve the rate. */
  readonly foregroundP99LimitMs: number;
  /** How often the foreground's latency is looked at, while something moves. */
  readonly foregroundIntervalMs: number;
  readonly requestTimeoutMs: number;
  /** A receiver that asks for nothing for so long is forgotten by the sender. */
  readonly leaseMs: number;
  /** Failures in a row, without a frame between them, after which a transfer gives up: `TRANSFER_STALLED`. */
  readonly maxFailures: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** How often the two sides' leaves are compared at most, three times or more. */
  readonly maxComparisons: number;
  /** Before leaves that differ are compared again: what is on its way arrives meanwhile. */
  readonly settleMs: number;
  /** Corrupt records of which the ids are kept; the others are counted. */
  readonly maxCorruptIds: number;
}

export const defaultTransferLimits: TransferLimits = Object.freeze({
  maxReceiving: 4,
  maxSending: 4,
  maxFramesInFlight: 4,
  maxFrameItems: 256,
  maxFrameBytes: 256 * 1024,
  maxBytesPerSecond: 16 * 1024 * 1024,
  minBytesPerSecond: 256 * 1024,
  burstBytes: 512 * 1024,
  foregroundP99LimitMs: 100,
  foregroundIntervalMs: 1_000,
  requestTimeoutMs: 5_000,
  leaseMs: 30_000,
  maxFailures: 10,
  backoffMinMs: 250,
  backoffMaxMs: 10_000,
  maxComparisons: 8,
  settleMs: 100,
  maxCorruptIds: 100,
});

const most: Partial<Record<keyof TransferLimits, number>> = { maxFramesInFlight, maxFrameItems, maxFrameBytes };
const least: Partial<Record<keyof TransferLimits, number>> = { maxComparisons: 3, maxCorruptIds: 0, settleMs: 0 };

/** The defaults, and what is set instead. @throws TRANSFER_INVALID */
export function transferLimits(set: Partial<TransferLimits> = {}): TransferLimits {
  const limits = { ...defaultTransferLimits, ...set };
  for (const [name, value] of Object.entries(limits) as [keyof TransferLimits, number][]) {
    const [min, max] = [least[name] ?? 1, most[name] ?? Number.MAX_SAFE_INTEGER];
    if (!(value >= min && value <= max))
      throw new InvalidTransferError(`${name} is ${value}: from ${min} to ${max} is possible`, {
        name,
        value,
        min,
        max,
      });
  }
  return limits;
}
