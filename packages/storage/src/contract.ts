import type { Contract } from '@ringfort/bus';
import { z } from 'zod';

const id = {
  partition: z.int().min(0).max(65535),
  bucket: z.string().min(1).max(128),
  key: z.string().min(1).max(1024),
};
export const digestSchema = z.string().length(16);
/**
 * The receiver is asked as an owner of the partition, whose slots are these as the sender knows them (`Ring.slotVersion`): it answers
 * `STALE_SLOTS` unless it knows the same and owns one. Absent: as somebody who may hold something, or keep it.
 */
const slots = z.int().min(0).optional();
const bytes: z.ZodType<Uint8Array> = z.instanceof(Uint8Array);

export const replicaReadRequestSchema = z.object({
  ...id,
  /** What the asker already holds: when the digests are equal the answer carries no object. */
  have: digestSchema.optional(),
  /** Read the stand-in record rather than the primary one. */
  standIn: z.boolean().optional(),
  slots,
});
export const replicaReadReplySchema = z.object({
  /** Absent: this replica holds nothing under the key. */
  digest: digestSchema.optional(),
  /** Absent when `digest` equals the asker's `have`. */
  object: bytes.optional(),
  /** The barrier that what was read lies behind; absent: that of the request. */
  barrier: z.int().min(0).optional(),
});
export type ReplicaReadRequest = z.infer<typeof replicaReadRequestSchema>;
export type ReplicaReadReply = z.infer<typeof replicaReadReplySchema>;

export const replicaWriteRequestSchema = z.object({
  ...id,
  object: bytes,
  /** Answer only when on disk; absent: by the store's durability. */
  sync: z.boolean().optional(),
  /** Primaries for which the receiver stands in; absent: it is itself a primary. */
  owedTo: z.array(z.string()).max(16).optional(),
  slots,
});
export const replicaWriteReplySchema = z.object({
  durable: z.boolean(),
  /** Of what is stored now; absent: what was sent is stored as it is. */
  digest: digestSchema.optional(),
  /** What is stored now, when it differs from what was sent. */
  merged: bytes.optional(),
});
export type ReplicaWriteRequest = z.infer<typeof replicaWriteRequestSchema>;
export type ReplicaWriteReply = z.infer<typeof replicaWriteReplySchema>;

export const replicaVerifyRequestSchema = z.object({
  /** Records that a read found elsewhere; `digest` absent: nothing is there. */
  items: z.array(z.object({ ...id, digest: digestSchema.optional() })).max(256),
});
export const replicaVerifyReplySchema = z.object({
  /** Indices of the items whose primary record is another one here, or cannot be read. */
  stale: z.array(z.int().min(0).max(255)).max(256),
});
export type ReplicaVerifyRequest = z.infer<typeof replicaVerifyRequestSchema>;
export type ReplicaVerifyReply = z.infer<typeof replicaVerifyReplySchema>;

export const replicaKeysRequestSchema = z.object({
  partition: z.int().min(0).max(65535),
  bucket: z.string().min(1).max(128),
  /** Keys strictly after this one; absent: from the start. */
  after: z.string().max(1024).optional(),
  limit: z.int().min(1).max(1000),
  slots,
});
export const replicaKeysReplySchema = z.object({
  /** In bytewise order of their UTF-8; `live` is false where all siblings are tombstones or expired. */
  keys: z.array(z.object({ key: z.string(), live: z.boolean() })),
  /** Whether the partition holds keys of the bucket after the last one. */
  more: z.boolean(),
});

export const replicaObjectsRequestSchema = z.object({
  partition: id.partition,
  bucket: id.bucket,
  /** Keys strictly after this one; absent: from the start. */
  after: z.string().max(1024).optional(),
  maxBytes: z
    .int()
    .min(1)
    .max(4 * 1024 * 1024),
  slots,
});
export const replicaObjectsReplySchema = z.object({
  /** In bytewise order of their UTF-8; without an object: the record is corrupt. At least one, where there is one. */
  items: z.array(z.object({ key: z.string(), object: bytes.optional() })),
  /** Whether the partition holds keys of the bucket after the last one. */
  more: z.boolean(),
});
export type ReplicaObjectsRequest = z.infer<typeof replicaObjectsRequestSchema>;
export type ReplicaObjectsReply = z.infer<typeof replicaObjectsReplySchema>;

export const copyOpenReplySchema = z.object({ id: z.string() });
export const copyReadRequestSchema = z.object({
  id: z.string().max(64),
  /** The number of the piece, from 0; the next one each time. */
  piece: z.int().min(0),
});
/** Without bytes: that was all, and the copy is closed. */
export const copyReadReplySchema = z.object({ bytes: bytes.optional() });
export type CopyReadRequest = z.infer<typeof copyReadRequestSchema>;
export type CopyReadReply = z.infer<typeof copyReadReplySchema>;

/** Of a clock's vector; the rest is counted alone. */
export const maxToldActors = 64;

const siblingSummarySchema = z.object({
  /** `<actor>:<counter>`. */
  dot: z.string(),
  tombstone: z.boolean(),
  contentType: z.string(),
  /** Bytes of the value, and the 64-bit hash of them; absent: a tombstone. */
  bytes: z.int().min(0).optional(),
  digest: digestSchema.optional(),
  expiresAtMs: z.int().optional(),
  /** Of a bucket whose last writer wins. */
  stamp: z.object({ wallMs: z.int(), logical: z.int() }).optional(),
});
const recordSummarySchema = z.object({
  /** Of the whole object: equal digests mean equal objects. It is the checksum, too. */
  digest: digestSchema,
  bytes: z.int().min(0),
  /** Under which this store coordinates the key; local, never replicated. */
  actor: z.string().optional(),
  siblings: z.array(siblingSummarySchema),
  clock: z.object({
    /** Entries of the version vector, `<actor>:<counter>`, at most 64 of them. */
    vector: z.array(z.string()).max(maxToldActors),
    entries: z.int().min(0),
    /** Dots known apart from it. */
    detached: z.int().min(0),
  }),
});
export const replicaInspectRequestSchema = z.object(id);
export const replicaInspectReplySchema = z.object({
  storeId: z.string(),
  /** The partition's barrier, and the one that what is read here is sent behind. */
  barrier: z.int().min(0),
  label: z.int().min(0),
  /** False: the partition is still being filled, so that what is not held here may be elsewhere. */
  filled: z.boolean(),
  /** The primary record; absent with the code of why it cannot be read, or where there is none. */
  record: recordSummarySchema.optional(),
  recordError: z.string().optional(),
  /** The stand-in record. */
  hint: recordSummarySchema.extend({ owedTo: z.array(z.string()) }).optional(),
  hintError: z.string().optional(),
});
export type SiblingSummary = z.infer<typeof siblingSummarySchema>;
export type RecordSummary = z.infer<typeof recordSummarySchema>;
export type ReplicaInspectReply = z.infer<typeof replicaInspectReplySchema>;

/** Verbs of `node.<id>.storage`. */
export const replicaRead: Contract<ReplicaReadRequest, ReplicaReadReply> = {
  verb: 'replica.read',
  request: replicaReadRequestSchema,
  reply: replicaReadReplySchema,
};
export const replicaWrite: Contract<ReplicaWriteRequest, ReplicaWriteReply> = {
  verb: 'replica.write',
  request: replicaWriteRequestSchema,
  reply: replicaWriteReplySchema,
};
export const replicaVerify: Contract<ReplicaVerifyRequest, ReplicaVerifyReply> = {
  verb: 'replica.verify',
  request: replicaVerifyRequestSchema,
  reply: replicaVerifyReplySchema,
};
export const replicaKeys: Contract<z.infer<typeof replicaKeysRequestSchema>, z.infer<typeof replicaKeysReplySchema>> = {
  verb: 'replica.keys',
  request: replicaKeysRequestSchema,
  reply: replicaKeysReplySchema,
};
/** A page of the records of a bucket in a partition, tombstones and expired ones included. */
export const replicaObjects: Contract<ReplicaObjectsRequest, ReplicaObjectsReply> = {
  verb: 'replica.objects',
  request: replicaObjectsRequestSchema,
  reply: replicaObjectsReplySchema,
};
/** What a node holds under a key, without its values. */
export const replicaInspect: Contract<z.infer<typeof replicaInspectRequestSchema>, ReplicaInspectReply> = {
  verb: 'replica.inspect',
  request: replicaInspectRequestSchema,
  reply: replicaInspectReplySchema,
};
/** Begins a copy of the whole store, which holds everything that was acknowledged before. */
export const copyOpen: Contract<object, z.infer<typeof copyOpenReplySchema>> = {
  verb: 'copy.open',
  request: z.object({}),
  reply: copyOpenReplySchema,
};
export const copyRead: Contract<CopyReadRequest, CopyReadReply> = {
  verb: 'copy.read',
  request: copyReadRequestSchema,
  reply: copyReadReplySchema,
};
export const copyClose: Contract<{ id: string }, object> = {
  verb: 'copy.close',
  request: copyOpenReplySchema,
  reply: z.object({}),
};
