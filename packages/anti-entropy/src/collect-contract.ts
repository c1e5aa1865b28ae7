import type { Contract } from '@ringfort/bus';
import { ringVersionSchema } from '@ringfort/ring/contract';
import { z } from 'zod';

/** What travels at most in one message; the limits of a node are lower. */
const MAX_RECORDS = 4096;
const MAX_PARTITIONS = 65_536;

const partition = z.int().min(0).max(65_535);
const barrier = z.int().min(0).max(0xffff_ffff);
const index = z
  .int()
  .min(0)
  .max(MAX_RECORDS - 1);

/** A record that is to be collected, as whoever asks holds it. */
const recordSchema = z.object({
  bucket: z.string().min(1).max(128),
  key: z.string().max(1024),
  digest: z.string().regex(/^[0-9a-f]{16}$/),
  /** What is to go: all of it, or what no sibling needs of its clock. */
  takes: z.enum(['record', 'clock']),
});
export type CollectableRecord = z.infer<typeof recordSchema>;
const records = z.array(recordSchema).max(MAX_RECORDS);

/** Which collection of which partition this is about, and what of the cluster it is based on. */
const collection = {
  partition,
  /** Of the whole history: members that know another one take no part. */
  ring: ringVersionSchema,
  barrier,
  /** Random, of this collection alone: no two share a barrier. */
  id: z.string().min(1).max(64),
};

export const proveRequestSchema = z.object({ partition, ring: ringVersionSchema, records });
export const proveReplySchema = z.object({
  /** Indices of those that are held here exactly so, on disk. */
  held: z.array(index).max(MAX_RECORDS),
  /** The highest barrier that was ever adopted here. */
  adopted: barrier,
});
export type ProveRequest = z.infer<typeof proveRequestSchema>;
export type ProveReply = z.infer<typeof proveReplySchema>;

export const adoptRequestSchema = z.object(collection);
export const adoptReplySchema = z.object({});
export type AdoptRequest = z.infer<typeof adoptRequestSchema>;
export type AdoptReply = z.infer<typeof adoptReplySchema>;

export const raiseRequestSchema = z.object({ ...collection, records });
export const raiseReplySchema = z.object({ held: z.array(index).max(MAX_RECORDS) });
export type RaiseRequest = z.infer<typeof raiseRequestSchema>;
export type RaiseReply = z.infer<typeof raiseReplySchema>;

export const dropRequestSchema = z.object({ partition, barrier, records });
export const dropReplySchema = z.object({ collected: z.int().min(0).max(MAX_RECORDS) });
export type DropRequest = z.infer<typeof dropRequestSchema>;
export type DropReply = z.infer<typeof dropReplySchema>;

export const barriersRequestSchema = z.object({
  /** The asker's: it must be the one that the answering side knows as a member. */
  node: z.string().min(1).max(64),
  store: z.string().min(1).max(64),
});
export const barriersReplySchema = z.object({
  /** Whether the answering side has taken part in every collection since the asker became a member; if not, its barriers say nothing. */
  known: z.boolean(),
  barriers: z.array(z.object({ partition, barrier })).max(MAX_PARTITIONS),
});
export type BarriersRequest = z.infer<typeof barriersRequestSchema>;
export type BarriersReply = z.infer<typeof barriersReplySchema>;

/** Verbs of `node.<id>.anti-entropy`. */
export const collectProve: Contract<ProveRequest, ProveReply> = {
  verb: 'collect.prove',
  request: proveRequestSchema,
  reply: proveReplySchema,
};
export const collectAdopt: Contract<AdoptRequest, AdoptReply> = {
  verb: 'collect.adopt',
  request: adoptRequestSchema,
  reply: adoptReplySchema,
};
export const collectRaise: Contract<RaiseRequest, RaiseReply> = {
  verb: 'collect.raise',
  request: raiseRequestSchema,
  reply: raiseReplySchema,
};
export const collectDrop: Contract<DropRequest, DropReply> = {
  verb: 'collect.drop',
  request: dropRequestSchema,
  reply: dropReplySchema,
};
export const collectBarriers: Contract<BarriersRequest, BarriersReply> = {
  verb: 'collect.barriers',
  request: barriersRequestSchema,
  reply: barriersReplySchema,
};
