import { z } from 'zod';

export const nodeIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a node id is 1 to 64 letters, digits, "-" or "_"');
export const zoneSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'a zone is 1 to 64 letters, digits, "-" or "_"');
export const bucketNameSchema = z
  .string()
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= 128, 'a bucket name is 1 to 128 bytes of UTF-8');

/** Settings of a bucket. Fixed when made: `conflict`. */
export const bucketSettingsSchema = z.object({
  n: z.int().min(1).max(16),
  r: z.int().min(1).max(16),
  w: z.int().min(1).max(16),
  /** How many of the W answers must be fsynced; absent: by the store's durability. */
  dw: z.int().min(0).max(16).optional(),
  conflict: z.enum(['siblings', 'lww']),
  ttlSeconds: z.int().min(1).optional(),
});
export type BucketSettings = z.infer<typeof bucketSettingsSchema>;
export const defaultBucketSettings: BucketSettings = Object.freeze({ n: 3, r: 2, w: 2, conflict: 'siblings' });

const common = {
  /** Lamport time of the author when it wrote the record. */
  lamport: z.int().min(0),
  /** The node that wrote it. */
  author: nodeIdSchema,
};

/** A node that founds the cluster, by its own record. The founding is complete when each of `founders` has written one with the same list. */
export const nodeFoundedSchema = z.object({
  ...common,
  kind: z.literal('node.founded'),
  node: nodeIdSchema,
  store: z.string().min(1).max(64),
  weight: z.number().positive().max(1000),
  zone: zoneSchema,
  /** All founders, sorted, this one among them. */
  founders: z.array(nodeIdSchema).min(1).max(256),
  /** Q, fixed per cluster. */
  partitions: z
    .int()
    .min(8)
    .max(65536)
    .refine((q) => (q & (q - 1)) === 0, 'a power of two'),
});
export const nodeAddedSchema = z.object({
  ...common,
  kind: z.literal('node.added'),
  node: nodeIdSchema,
  store: z.string().min(1).max(64),
  weight: z.number().positive().max(1000),
  zone: zoneSchema,
});
export const nodeRemovedSchema = z.object({ ...common, kind: z.literal('node.removed'), node: nodeIdSchema });
export const nodeReplacedSchema = z.object({
  ...common,
  kind: z.literal('node.replaced'),
  node: nodeIdSchema,
  by: nodeIdSchema,
  store: z.string().min(1).max(64),
});
export const nodeReweightedSchema = z.object({
  ...common,
  kind: z.literal('node.reweighted'),
  node: nodeIdSchema,
  weight: z.number().positive().max(1000),
});
export const nodeRezonedSchema = z.object({
  ...common,
  kind: z.literal('node.rezoned'),
  node: nodeIdSchema,
  zone: zoneSchema,
});
/** An operator's wish: the node gives its slots away, one after the other, and stays an owner of each until it is handed over. */
export const nodeLeavingSchema = z.object({ ...common, kind: z.literal('node.leaving'), node: nodeIdSchema });
/** The wish is taken back. */
export const nodeStayingSchema = z.object({ ...common, kind: z.literal('node.staying'), node: nodeIdSchema });
/** A leaving node that owns nothing any more is gone. */
export const nodeLeftSchema = z.object({ ...common, kind: z.literal('node.left'), node: nodeIdSchema });

/**
 * The node goes on with another store, which was empty when it wrote this: it had lost the one before with all that was in it. Who owns what
 * stays as it is. Only the node itself says so; of several such records the last one counts.
 */
export const storeReplacedSchema = z.object({
  ...common,
  kind: z.literal('store.replaced'),
  node: nodeIdSchema,
  store: z.string().min(1).max(64),
});

const replicaSchema = z.int().min(0).max(15);
/**
 * A slot has changed hands. Without `witnesses` its owner (`author` is `from`) has handed it over, durably and once: it refuses from then
 * on. With them the slot has no owner that could (declared dead, or a slot that is new): then each of the witnesses, which are all other
 * owners of the partition, writes one, and only all of them together count.
 */
export const slotHandedOverSchema = z.object({
  ...common,
  kind: z.literal('slot.handedOver'),
  partition: z.int().min(0).max(65535),
  replica: replicaSchema,
  /** How often the slot had changed hands before. */
  turn: z.int().min(0).max(1_000_000),
  /** Who owned it; absent for a slot that nobody owned. */
  from: nodeIdSchema.optional(),
  /** Who owns it now; absent: the slot is closed, as there are fewer nodes than replicas. */
  to: nodeIdSchema.optional(),
  witnesses: z.array(nodeIdSchema).min(1).max(16).optional(),
});
export type SlotHandedOver = z.infer<typeof slotHandedOverSchema>;

export const bucketConfiguredSchema = z.object({
  ...common,
  kind: z.literal('bucket.configured'),
  bucket: bucketNameSchema,
  settings: bucketSettingsSchema,
});

/** One immutable record of the membership history. Its identity is the hash of its canonical encoding. */
export const membershipRecordSchema = z.discriminatedUnion('kind', [
  nodeFoundedSchema,
  nodeAddedSchema,
  nodeRemovedSchema,
  nodeReplacedSchema,
  nodeReweightedSchema,
  nodeRezonedSchema,
  nodeLeavingSchema,
  nodeStayingSchema,
  nodeLeftSchema,
  storeReplacedSchema,
  slotHandedOverSchema,
  bucketConfiguredSchema,
]);
export type MembershipRecord = z.infer<typeof membershipRecordSchema>;

/** The number of records and the sum (mod 2^64, 16 hex digits) of their hashes: equal versions mean equal histories. */
export const ringVersionSchema = z.object({ size: z.int().min(0), digest: z.string().regex(/^[0-9a-f]{16}$/) });
export type RingVersion = z.infer<typeof ringVersionSchema>;

/** Where a node's ring is asked. */
export const ringAddress = (node: string): string => `node.${node}.ring`;

export const lookupRequestSchema = z.object({
  bucket: bucketNameSchema,
  key: z
    .string()
    .min(1)
    .refine((key) => Buffer.byteLength(key) <= 1024, 'a key is 1 to 1,024 bytes of UTF-8'),
});
export type LookupRequest = z.infer<typeof lookupRequestSchema>;

export const lookupReplySchema = z.object({
  partition: z.int().min(0).max(65535),
  /** Owners first, then fallbacks. */
  preferenceList: z.array(nodeIdSchema),
  version: ringVersionSchema,
});
export type LookupReply = z.infer<typeof lookupReplySchema>;

/** `node.<id>.ring`, verb `lookup`: where a key lies, as that node knows the ring. Fails with `RING_UNFOUNDED` before there are owners. */
export const ringLookup = Object.freeze({ verb: 'lookup', request: lookupRequestSchema, reply: lookupReplySchema });
