import type { Contract } from '@ringfort/bus';
import { z } from 'zod';

/** What travels at most in one message; the limits of a node are lower. */
const MAX_PARTITIONS = 1024;
const MAX_LEAVES = 1024;
const MAX_BRANCHES = 32;
const BRANCH_BYTES = 256;
const MAX_RECORDS = 4096;

const partition = z.int().min(0).max(65_535);
const digest = z.string().regex(/^[0-9a-f]{16}$/);
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes are expected');
const branchRow = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length === BRANCH_BYTES,
  '32 digests of 8 bytes are expected',
);
const name = { bucket: z.string().min(1).max(128), key: z.string().max(1024) };
const nameSchema = z.object(name);
const recordSchema = z.object({ ...name, object: bytes });

/** The verbs of `node.<id>.anti-entropy`. Nobody remembers anything between two of them: either side may vanish at any moment. */
export const antiEntropyAddress = (node: string): string => `node.${node}.anti-entropy`;

export const rootsRequestSchema = z.object({
  partitions: z.array(z.object({ partition, barrier: z.int().min(0), root: digest })).max(MAX_PARTITIONS),
});
export const rootsReplySchema = z.object({
  /** Indices of the partitions whose root is another one here. */
  differing: z
    .array(
      z
        .int()
        .min(0)
        .max(MAX_PARTITIONS - 1),
    )
    .max(MAX_PARTITIONS),
  /** Indices of those that were not compared, and why: `NOT_SHARED`, `BARRIER_MISMATCH`, `EXCHANGE_BUSY`. */
  refused: z
    .array(
      z.object({
        index: z
          .int()
          .min(0)
          .max(MAX_PARTITIONS - 1),
        code: z.string().max(64),
      }),
    )
    .max(MAX_PARTITIONS),
});
export type RootsRequest = z.infer<typeof rootsRequestSchema>;
export type RootsReply = z.infer<typeof rootsReplySchema>;

export const leavesRequestSchema = z.object({ partition, branches: branchRow });
export const leavesReplySchema = z.object({
  /** The branches that are others here, each with its leaves. */
  branches: z
    .array(
      z.object({
        branch: z
          .int()
          .min(0)
          .max(MAX_BRANCHES - 1),
        leaves: branchRow,
      }),
    )
    .max(MAX_BRANCHES),
});
export type LeavesRequest = z.infer<typeof leavesRequestSchema>;
export type LeavesReply = z.infer<typeof leavesReplySchema>;

export const recordsRequestSchema = z.object({
  partition,
  leaves: z
    .array(
      z
        .int()
        .min(0)
        .max(MAX_LEAVES - 1),
    )
    .min(1)
    .max(MAX_LEAVES),
  /** All that the sender holds on these leaves in the range, in order; without a digest: it cannot read what it holds. */
  records: z.array(z.object({ ...name, digest: digest.optional() })).max(MAX_RECORDS),
  /** The range: strictly after this one (absent: from the start) up to that one (absent: to the end). */
  after: nameSchema.optional(),
  until: nameSchema.optional(),
});
export const recordsReplySchema = z.object({
  /** Indices of listed records that this side lacks, or holds otherwise. */
  wants: z
    .array(
      z
        .int()
        .min(0)
        .max(MAX_RECORDS - 1),
    )
    .max(MAX_RECORDS),
  /** Records that the sender lacks. */
  offers: z.array(nameSchema).max(MAX_RECORDS),
  /** The range was too much at once: it was compared up to this one. */
  through: nameSchema.optional(),
});
export type RecordsRequest = z.infer<typeof recordsRequestSchema>;
export type RecordsReply = z.infer<typeof recordsReplySchema>;

export const objectsRequestSchema = z.object({
  partition,
  /** To be merged with what is held. */
  objects: z.array(recordSchema).max(MAX_RECORDS),
  /** To be sent back. */
  wants: z.array(nameSchema).max(MAX_RECORDS),
});
export const objectsReplySchema = z.object({
  /** What merging came to, where that differs from what was sent; and what was wanted. */
  objects: z.array(recordSchema).max(2 * MAX_RECORDS),
  /** Indices of the sent objects of which the merged one did not fit in here: it is to be asked for. */
  left: z
    .array(
      z
        .int()
        .min(0)
        .max(MAX_RECORDS - 1),
    )
    .max(MAX_RECORDS),
  /** So many of the wanted, from the first on, were sent or are not there; the rest did not fit in. */
  served: z.int().min(0).max(MAX_RECORDS),
});
export type ObjectsRequest = z.infer<typeof objectsRequestSchema>;
export type ObjectsReply = z.infer<typeof objectsReplySchema>;

export const roots: Contract<RootsRequest, RootsReply> = {
  verb: 'exchange.roots',
  request: rootsRequestSchema,
  reply: rootsReplySchema,
};
export const leaves: Contract<LeavesRequest, LeavesReply> = {
  verb: 'exchange.leaves',
  request: leavesRequestSchema,
  reply: leavesReplySchema,
};
export const records: Contract<RecordsRequest, RecordsReply> = {
  verb: 'exchange.records',
  request: recordsRequestSchema,
  reply: recordsReplySchema,
};
export const objects: Contract<ObjectsRequest, ObjectsReply> = {
  verb: 'exchange.objects',
  request: objectsRequestSchema,
  reply: objectsReplySchema,
};
