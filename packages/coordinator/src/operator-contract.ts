import type { Contract } from '@ringfort/bus';
import { digestSchema, replicaInspectReplySchema } from '@ringfort/storage/contract';
import { z } from 'zod';

const keyed = { bucket: z.string().min(1).max(128), key: z.string().min(1).max(1024) };
export const keyRequestSchema = z.object(keyed);
export type KeyRequest = z.infer<typeof keyRequestSchema>;

const place = { ...keyed, partition: z.int().min(0).max(65535), owners: z.array(z.string()) };

export const inspectReplySchema = z.object({
  ...place,
  /** All members: the owners first, then those that stand in for them, in this order. */
  preferenceList: z.array(z.string()),
  /** Of the owners: all hold the same; two of them differ; those that answered hold the same, and some did not answer. */
  agreement: z.enum(['equal', 'differ', 'unknown']),
  /** The owners; and of the others those that hold something of the key, or did not answer. */
  nodes: z.array(
    replicaInspectReplySchema.partial().extend({
      node: z.string(),
      owner: z.boolean(),
      /** Whether the answering node takes it for up. */
      up: z.boolean(),
      /** The code of why it did not answer; then nothing is known of it. */
      error: z.string().optional(),
    }),
  ),
});
export type InspectReply = z.infer<typeof inspectReplySchema>;
export type InspectedNode = InspectReply['nodes'][number];

export const repairReplySchema = z.object({
  ...place,
  /** Every owner holds the merge of everything that was found. */
  complete: z.boolean(),
  /** Of the merge; absent: nobody who answered holds anything. */
  digest: digestSchema.optional(),
  /** In the order of the preference list: the owners, and the others whose copies or hints were merged in. */
  nodes: z.array(
    z.object({
      node: z.string(),
      owner: z.boolean(),
      /** What it held before; absent: nothing, or nothing that could be read. */
      found: digestSchema.optional(),
      /** What it held for another node. */
      hint: digestSchema.optional(),
      /**
       * `equal`: an owner held the merge already. `written`: it holds it now. `merged`: what it held was taken in, and it is no owner. `left`: nothing was
       * done, `error` says why.
       */
      outcome: z.enum(['equal', 'written', 'merged', 'left']),
      error: z.string().optional(),
    }),
  ),
});
export type RepairReply = z.infer<typeof repairReplySchema>;
export type RepairedNode = RepairReply['nodes'][number];

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes are expected');

export const objectsRequestSchema = z.object({
  bucket: keyed.bucket,
  /** As a former reply gave it; absent: from the start. */
  cursor: z.string().max(4096).optional(),
});
export const objectsReplySchema = z.object({
  /** By partition, then by key: what R owners hold of each key, merged; tombstones and expired objects included. */
  items: z.array(
    z.object({
      key: z.string(),
      /** Canonical bytes; absent: fewer than R owners can read what they hold. */
      object: bytes.optional(),
    }),
  ),
  /** Absent: that was all. */
  cursor: z.string().optional(),
});
export type ObjectsRequest = z.infer<typeof objectsRequestSchema>;
export type ObjectsReply = z.infer<typeof objectsReplySchema>;

export const mergeRequestSchema = z.object({
  ...keyed,
  /** Canonical bytes of an object, with the clock it was written under. */
  object: bytes,
});
export const mergeReplySchema = z.object({});
export type MergeRequest = z.infer<typeof mergeRequestSchema>;

/** Verbs of `node.<id>.operator`: what operators ask of a cluster. Not of `kv.<verb>`: applications have no need of them. */
export const inspect: Contract<KeyRequest, InspectReply> = {
  verb: 'inspect',
  request: keyRequestSchema,
  reply: inspectReplySchema,
};
export const repair: Contract<KeyRequest, RepairReply> = {
  verb: 'repair',
  request: keyRequestSchema,
  reply: repairReplySchema,
};
/** A page of a bucket's objects. */
export const objects: Contract<ObjectsRequest, ObjectsReply> = {
  verb: 'objects',
  request: objectsRequestSchema,
  reply: objectsReplySchema,
};
/** Merges an object into its owners, W of them at least, stand-ins for those that are away; twice is as good as once. */
export const merge: Contract<MergeRequest, z.infer<typeof mergeReplySchema>> = {
  verb: 'merge',
  request: mergeRequestSchema,
  reply: mergeReplySchema,
};
