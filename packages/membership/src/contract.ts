import type { Contract } from '@ringfort/bus';
import { membershipRecordSchema, nodeIdSchema, ringVersionSchema } from '@ringfort/ring/contract';
import { z } from 'zod';

/** A node's sign of life: which start of the process, and how many seconds of it. Newer is lexicographically greater. */
export const heartbeatSchema = z.object({ incarnation: z.int().min(0), beat: z.int().min(0) });

/** What a node tells others about itself along with its heartbeat; small. */
export const nodeInfoSchema = z.object({
  /** Base URL of its HTTP interface; absent when it serves none. */
  http: z.string().max(256).optional(),
  pid: z.int().optional(),
  version: z.string().max(32),
  /** Records that it holds for others. */
  hintsHeld: z.int().min(0),
  /** What its store does at present: `serving`, `readOnly`, ... */
  storage: z.string().max(32).optional(),
});
export type NodeInfo = z.infer<typeof nodeInfoSchema>;

export const gossipRequestSchema = z.object({
  version: ringVersionSchema,
  /** Hashes of the records the sender holds, when its version differs from what the receiver last told it; else absent. */
  holds: z.array(z.string().length(16)).max(65536).optional(),
  beats: z.record(nodeIdSchema, heartbeatSchema),
  info: nodeInfoSchema,
});
export const gossipReplySchema = z.object({
  version: ringVersionSchema,
  /** Records that the sender of the request lacks. */
  records: z.array(membershipRecordSchema).max(4096),
  /** Hashes of records that the answerer lacks; the asker pushes them next. */
  wants: z.array(z.string().length(16)).max(65536),
  beats: z.record(nodeIdSchema, heartbeatSchema),
  info: nodeInfoSchema,
});
/** Verb of `node.<id>.membership`. */
export const gossip: Contract<z.infer<typeof gossipRequestSchema>, z.infer<typeof gossipReplySchema>> = {
  verb: 'gossip',
  request: gossipRequestSchema,
  reply: gossipReplySchema,
};

export const pushRecordsRequestSchema = z.object({ records: z.array(membershipRecordSchema).max(4096) });
export const pushRecordsReplySchema = z.object({ version: ringVersionSchema });
/** Verb of `node.<id>.membership`. */
export const pushRecords: Contract<z.infer<typeof pushRecordsRequestSchema>, z.infer<typeof pushRecordsReplySchema>> = {
  verb: 'records.push',
  request: pushRecordsRequestSchema,
  reply: pushRecordsReplySchema,
};

/** A ping: the smallest sign of life. */
export const pingRequestSchema = z.object({
  /** The incarnation under which the asker suspects the one asked, which refutes it by a higher one. */
  suspected: z.int().min(0).optional(),
});
export const pingReplySchema = z.object({
  beat: heartbeatSchema,
  /** Records in its history; 0: it knows of no cluster. */
  records: z.int().min(0),
});
/** Verb of `node.<id>.membership`. */
export const ping: Contract<z.infer<typeof pingRequestSchema>, z.infer<typeof pingReplySchema>> = {
  verb: 'ping',
  request: pingRequestSchema,
  reply: pingReplySchema,
};

/** Asks a helper to ping a third node (SWIM's ping-req). It answers before the asker's deadline, whatever comes of it. */
export const indirectPingRequestSchema = z.object({
  node: nodeIdSchema,
  suspected: z.int().min(0).optional(),
});
export const indirectPingReplySchema = z.object({
  /** What the third node answered; absent: nothing. */
  beat: heartbeatSchema.optional(),
});
/** Verb of `node.<id>.membership`. Fails with `CANNOT_PING` when the helper has no room, or does not know the node. */
export const indirectPing: Contract<
  z.infer<typeof indirectPingRequestSchema>,
  z.infer<typeof indirectPingReplySchema>
> = {
  verb: 'ping.indirect',
  request: indirectPingRequestSchema,
  reply: indirectPingReplySchema,
};

export const peerStatusSchema = z.object({
  id: nodeIdSchema,
  /** `up`; `suspect`: a request failed or it is silent, asked last; `down`: not asked; `self`. */
  status: z.enum(['self', 'up', 'suspect', 'down']),
  info: nodeInfoSchema.optional(),
  /** Milliseconds since the last sign of life, to within a gossip round; absent when there was none. */
  silentMs: z.number().optional(),
});
export type PeerStatus = z.infer<typeof peerStatusSchema>;

/** Answered by any member: what a client needs to route. Verb of `kv.view` (queue group) and `node.<id>.membership`. */
export const viewRequestSchema = z.object({
  /** The version that the asker holds: equal versions are answered without records. */
  have: ringVersionSchema.optional(),
});
export const viewReplySchema = z.object({
  version: ringVersionSchema,
  records: z.array(membershipRecordSchema).optional(),
  peers: z.array(peerStatusSchema),
});
export const view: Contract<z.infer<typeof viewRequestSchema>, z.infer<typeof viewReplySchema>> = {
  verb: 'view',
  request: viewRequestSchema,
  reply: viewReplySchema,
};

/** Events: `events.ring.changed`, `events.node.up`, `events.node.down`, `events.node.suspected`. */
export const ringChangedEventSchema = z.object({ node: nodeIdSchema, version: ringVersionSchema });
export const nodeStatusEventSchema = z.object({ node: nodeIdSchema, observer: nodeIdSchema });
export const ringChanged: Contract<z.infer<typeof ringChangedEventSchema>, undefined> = {
  verb: 'ring.changed',
  request: ringChangedEventSchema,
  reply: z.undefined(),
};
export const nodeUp: Contract<z.infer<typeof nodeStatusEventSchema>, undefined> = {
  verb: 'node.up',
  request: nodeStatusEventSchema,
  reply: z.undefined(),
};
export const nodeDown: Contract<z.infer<typeof nodeStatusEventSchema>, undefined> = {
  verb: 'node.down',
  request: nodeStatusEventSchema,
  reply: z.undefined(),
};

/** Suspects in one message. */
export const maxSuspects = 16;
/** What a node believes down, and has confirmed by others: they probe it themselves. */
export const nodeSuspectedEventSchema = z.object({
  observer: nodeIdSchema,
  suspects: z
    .array(z.object({ node: nodeIdSchema, incarnation: z.int().min(0) }))
    .min(1)
    .max(maxSuspects),
});
export const nodeSuspected: Contract<z.infer<typeof nodeSuspectedEventSchema>, undefined> = {
  verb: 'node.suspected',
  request: nodeSuspectedEventSchema,
  reply: z.undefined(),
};
