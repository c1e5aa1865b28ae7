import { defineContract } from '@ringfort/bus';
import { leavesPerPartition } from '@ringfort/storage';
import { digestSchema } from '@ringfort/storage/contract';
import { z } from 'zod';

const bytes: z.ZodType<Uint8Array> = z.instanceof(Uint8Array);
const partition = z.int().min(0).max(65535);
const barrier = z.int().min(0).max(0xffff_ffff);
const count = z.int().min(0);
const recordName = { bucket: z.string().min(1).max(128), key: z.string().min(1).max(1024) };
export const leafSchema = z
  .int()
  .min(0)
  .max(leavesPerPartition - 1);

/** What may be asked for at most; a sender may grant less. */
export const maxFramesInFlight = 64;
export const maxFrameItems = 4096;
export const maxFrameBytes = 4 * 1024 * 1024;

/** Which stream is meant: an attempt supersedes those of lower numbers, so that what was held back on the way does no harm. */
const stream = {
  partition,
  /** Drawn by the receiver, kept over its restarts. */
  transfer: z.string().min(1).max(64),
  attempt: z.int().min(1),
};

export const transferOpenRequestSchema = z.object({
  ...stream,
  /** The last frame that the receiver holds durably; the first that is sent is the next one. */
  acked: count,
  /** Where that frame ended; absent: from the partition's start. */
  after: bytes.optional(),
  /** Only records of these leaves; absent: of all. */
  leaves: z.array(leafSchema).max(leavesPerPartition).optional(),
  maxFrames: z.int().min(1).max(maxFramesInFlight),
  maxItems: z.int().min(1).max(maxFrameItems),
  maxBytes: z
    .int()
    .min(1)
    .max(4 * 1024 * 1024),
});
export const transferOpenReplySchema = z.object({
  /** Of the sender's store: with another one, or with another barrier, what the receiver holds of an earlier stream says nothing. */
  storeId: z.string().min(1).max(128),
  barrier,
  /** Records in the partition, estimated; absent: nobody knows. */
  records: count.optional(),
});
export type TransferOpenRequest = z.infer<typeof transferOpenRequestSchema>;
export type TransferOpenReply = z.infer<typeof transferOpenReplySchema>;

export const transferFrameSchema = z.object({
  seq: z.int().min(1),
  /** Of the partition at the sender, when the frame was read. */
  barrier,
  records: z.array(z.object({ ...recordName, object: bytes })),
  /** Records whose content the sender cannot read any more. */
  corrupt: z.array(z.object(recordName)),
  /** Over all of the above and `next`. */
  checksum: digestSchema,
  /** Where the next frame starts; absent: this is the last one. */
  next: bytes.optional(),
});
export type TransferFrame = z.infer<typeof transferFrameSchema>;

export const transferNextRequestSchema = z.object({
  ...stream,
  /** The frame asked for: a credit of one. */
  seq: z.int().min(1),
  /** All frames up to this one are merged, and on disk. */
  acked: count,
});
export const transferNextReplySchema = z.object({
  /** Absent: not yet, the sender is to keep its rate; ask again. */
  frame: transferFrameSchema.optional(),
  /** There is no such frame: an earlier one is the last. */
  ended: z.boolean().optional(),
});
export type TransferNextRequest = z.infer<typeof transferNextRequestSchema>;
export type TransferNextReply = z.infer<typeof transferNextReplySchema>;

export const transferLeavesReplySchema = z.object({
  storeId: z.string().min(1).max(128),
  barrier,
  /** Those that are not empty. */
  leaves: z.array(z.object({ leaf: leafSchema, digest: digestSchema })).max(leavesPerPartition),
});

/** Verbs of `node.<id>.transfers`; the receiver asks, the sender answers. */
export const transferOpen = defineContract({
  verb: 'transfer.open',
  request: transferOpenRequestSchema,
  reply: transferOpenReplySchema,
});
export const transferNext = defineContract({
  verb: 'transfer.next',
  request: transferNextRequestSchema,
  reply: transferNextReplySchema,
});
export const transferLeaves = defineContract({
  verb: 'transfer.leaves',
  request: z.object({ partition }),
  reply: transferLeavesReplySchema,
});
/** Streams of this transfer up to this attempt. */
export const transferClose = defineContract({
  verb: 'transfer.close',
  request: z.object(stream),
  reply: z.object({}),
});

export function transferAddress(node: string): string {
  return `node.${node}.transfers`;
}
