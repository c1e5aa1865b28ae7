import type { TransferFrame } from './transfer-contract.ts';

/**
 * The receiver's credits of one stream: which frames were asked for, which have arrived, which one is being merged. Frames are merged in
 * order, and asked for again when one is merged: so at most `maxFrames` are in flight or waiting here.
 */
export interface Credits {
  /** All frames up to this one are merged, and on disk. */
  readonly acked: number;
  /** The highest that was asked for. */
  readonly asked: number;
  readonly maxFrames: number;
  /** The last frame of the stream, once it has arrived. */
  readonly last: number | undefined;
  readonly arrived: readonly TransferFrame[];
  readonly isMerging: boolean;
}

export function newCredits(acked: number, maxFrames: number): Credits {
  return { acked, asked: acked, maxFrames, last: undefined, arrived: [], isMerging: false };
}

/** The frames that may be asked for now. */
export function seqsToAsk({ acked, asked, maxFrames, last }: Credits): number[] {
  const highest = Math.min(acked + maxFrames, last ?? Number.POSITIVE_INFINITY);
  return Array.from({ length: Math.max(0, highest - asked) }, (_, index) => asked + 1 + index);
}

/** All of {@link seqsToAsk} were asked for. */
export function askedAll(credits: Credits): Credits {
  return { ...credits, asked: credits.asked + seqsToAsk(credits).length };
}

/** A frame that was not asked for, or that is here already, changes nothing. */
export function arrive(credits: Credits, frame: TransferFrame): Credits {
  const { acked, asked, arrived, last } = credits;
  const isKnown = frame.seq <= acked || frame.seq > asked || arrived.some(({ seq }) => seq === frame.seq);
  if (isKnown) return credits;
  return { ...credits, arrived: [...arrived, frame], last: frame.next === undefined ? frame.seq : last };
}

/** The frame whose turn it is, if it is here and none is being merged. */
export function nextToMerge({ acked, arrived, isMerging }: Credits): TransferFrame | undefined {
  return isMerging ? undefined : arrived.find(({ seq }) => seq === acked + 1);
}

export const mergeBegun = (credits: Credits): Credits => ({ ...credits, isMerging: true });

/** The frame that was being merged is on disk. */
export function merged(credits: Credits): Credits {
  const acked = credits.acked + 1;
  return { ...credits, acked, isMerging: false, arrived: credits.arrived.filter(({ seq }) => seq > acked) };
}

export const mergeFailed = (credits: Credits): Credits => ({ ...credits, isMerging: false });
