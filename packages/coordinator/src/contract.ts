import type { Contract } from '@ringfort/bus';
import { ringVersionSchema } from '@ringfort/ring/contract';
import { z } from 'zod';

export * from './operator-contract.ts';

/** Upper bounds of what travels; a node's configured limits may be lower and are checked by the coordinator with named errors. */
const quorum = z.union([z.int().min(0).max(16), z.enum(['one', 'quorum', 'all'])]);
export type Quorum = z.infer<typeof quorum>;
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes are expected');

const target = {
  bucket: z.string().min(1).max(128),
  key: z.string().min(1).max(1024),
  sloppy: z.boolean().optional(),
  /** The version of the ring by which the sender chose this node; a differing one is told in the reply. */
  ring: ringVersionSchema.optional(),
  /** How often the request was forwarded already; at most 2. */
  hops: z.int().min(0).max(2).optional(),
};
/** The session's id and number of the request: a duplicate within the window is answered with the first one's result. */
const session = { session: z.string().max(32).optional(), seq: z.int().min(0).optional() };

/** The version of the partition's slots by which a node forwards the request; a client sends none. */
const slots = z.int().min(0).optional();

export const getRequestSchema = z.object({ ...target, r: quorum.optional(), slots });
export const putRequestSchema = z.object({
  ...target,
  ...session,
  value: bytes,
  contentType: z.string().max(256).optional(),
  /** Encoded context, as a get or a put returned it; absent: a blind write. */
  context: bytes.optional(),
  w: quorum.optional(),
  dw: quorum.optional(),
  slots,
});
export const deleteRequestSchema = z.object({
  ...target,
  ...session,
  context: bytes.optional(),
  r: quorum.optional(),
  w: quorum.optional(),
  dw: quorum.optional(),
  slots,
});
export type GetRequest = z.infer<typeof getRequestSchema>;
export type PutRequest = z.infer<typeof putRequestSchema>;
export type DeleteRequest = z.infer<typeof deleteRequestSchema>;

export const siblingSchema = z.object({
  value: bytes,
  contentType: z.string(),
  /** `<actor>:<counter>`. */
  dot: z.string(),
});
const stale = {
  /** Set when the request's `ring` differs from the answerer's: the sender should refresh its view. */
  staleRing: z.boolean().optional(),
};
export const getReplySchema = z.object({
  /** Live siblings, sorted by dot; empty when the key is absent. */
  siblings: z.array(siblingSchema),
  /** Absent only when nothing at all is known of the key. */
  context: bytes.optional(),
  ...stale,
});
export const writeReplySchema = z.object({
  /** What the client had seen, and its own write. */
  context: bytes,
  /** Live siblings that the key has now, as its coordinator holds it: more than 1 tells of a concurrent write. */
  siblings: z.int().min(0),
  ...stale,
});
export type GetReply = z.infer<typeof getReplySchema>;
export type WriteReply = z.infer<typeof writeReplySchema>;

/** Verbs of `kv.<verb>` (queue group) and of `node.<id>.coordinator`. */
export const get: Contract<GetRequest, GetReply> = { verb: 'get', request: getRequestSchema, reply: getReplySchema };
export const put: Contract<PutRequest, WriteReply> = {
  verb: 'put',
  request: putRequestSchema,
  reply: writeReplySchema,
};
export const remove: Contract<DeleteRequest, WriteReply> = {
  verb: 'delete',
  request: deleteRequestSchema,
  reply: writeReplySchema,
};

export const keysRequestSchema = z.object({
  bucket: z.string().min(1).max(128),
  /** As a former reply gave it; absent: from the start. */
  cursor: z.string().max(4096).optional(),
  limit: z.int().min(1).max(1000),
});
export const keysReplySchema = z.object({ keys: z.array(z.string()), cursor: z.string().optional() });
export const keys: Contract<z.infer<typeof keysRequestSchema>, z.infer<typeof keysReplySchema>> = {
  verb: 'keys',
  request: keysRequestSchema,
  reply: keysReplySchema,
};

export const replicasRequestSchema = z.object({ bucket: z.string().min(1).max(128), key: z.string().min(1).max(1024) });
export const replicasReplySchema = z.object({
  partition: z.int(),
  preferenceList: z.array(z.string()),
  replicas: z.array(
    z.object({
      node: z.string(),
      digest: z.string().optional(),
      siblings: z.int().optional(),
      tombstone: z.boolean().optional(),
      error: z.string().optional(),
    }),
  ),
});
/** What each primary holds, read without repair. */
export const replicas: Contract<z.infer<typeof replicasRequestSchema>, z.infer<typeof replicasReplySchema>> = {
  verb: 'replicas',
  request: replicasRequestSchema,
  reply: replicasReplySchema,
};
