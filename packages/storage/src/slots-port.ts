import type { RecordId } from './port.ts';

/** What a node's own membership history says of the partitions that it serves. Asked for each request: cheap, allocates nothing. */
export interface SlotView {
  /** Stands for who owns which slot of the partition (`Ring.slotVersion`). */
  slotVersion(partition: number): number;
  /** Whether this node owns one of them. */
  isOwner(partition: number): boolean;
  /** Whether the name is that of a member, or was once: hints for anybody else are refused. */
  isKnown(node: string): boolean;
  /** The version of the whole history. */
  ringVersion(): { readonly size: number; readonly digest: string };
}

/**
 * The hand-overs that this node takes part in as the one that gives, as far as its writes have to know. Whoever drives them implements it;
 * see `docs/protocols/hand-over.md`. What is acknowledged here while a partition is copied must be at the next owner as well:
 *
 * 1. The driver makes {@link forwardTo} name the next owner, *then* begins to copy. A write that was committed before has not been
 *    forwarded, but it lies in the store when the copy begins; one that is committed later is forwarded.
 * 2. It goes on doing so until the record of the hand-over is part of this node's history. From then on the node refuses by itself.
 * 3. After a miss that it has accepted it must not write that record before it has found both sides equal anew. Until it copies again
 *    it may stop naming the next owner, so that writes do not wait for a node that is away.
 */
export interface Moves {
  /**
   * Asked when a write of the partition's primary records is committed here and is about to be acknowledged: the node that must have it
   * durably before. Undefined: none, as for every partition that is not being handed over.
   */
  forwardTo(partition: number): string | undefined;
  /**
   * The write was not forwarded: `to` may lack it. Answers whether the write may be acknowledged all the same, as `to` will be made equal
   * again before the hand-over is recorded. False: it is being recorded already; the write is refused (`STALE_SLOTS`), and tried again
   * with those who own the partition then.
   */
  missed(id: RecordId, to: string, error: Error): boolean;
}

/** Nothing is being handed over. */
export const noMoves: Moves = Object.freeze({ forwardTo: () => undefined, missed: () => true });
