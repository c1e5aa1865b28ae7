import type { Contract } from '@ringfort/bus';
import { membershipRecordSchema, nodeIdSchema, ringVersionSchema } from '@ringfort/ring/contract';
import { z } from 'zod';
import { unpackStamps } from './stamps-core.ts';

/** Numbers that only rise, and travel in few bytes. */
const counter = z.int().min(0).max(0xffffffff);
const rosterIdSchema = z.string().regex(/^[0-9a-f]{16}$/);

/** A node's sign of life: which start of the process, and how many seconds of it. Newer is lexicographically greater. */
export const heartbeatSchema = z.object({ incarnation: z.int().min(0), beat: counter });

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

/** What is told of a node at length: its whole heartbeat and, where the receiver may lack it, what changed in its info. */
export const profileSchema = z.object({
  node: nodeIdSchema,
  ...heartbeatSchema.shape,
  info: z
    .object({
      /** The entries are those that changed after version `since`, up to `version`; `null`: gone. Versions count the changes of an incarnation. */
      since: counter,
      version: counter.min(1),
      entries: z.object({
        http: nodeInfoSchema.shape.http.nullable(),
        pid: nodeInfoSchema.shape.pid.nullable(),
        version: nodeInfoSchema.shape.version.optional(),
        hintsHeld: nodeInfoSchema.shape.hintsHeld.optional(),
        storage: nodeInfoSchema.shape.storage.nullable(),
      }),
    })
    .optional(),
});

/** Whom a digest speaks of. Either `ids`; or `count` of all members in the order of their ids, from number `start` on and round the end. */
export const aboutSchema = z.object({
  ids: z.array(nodeIdSchema).max(256).optional(),
  /** Stands for the sorted list of members: the beginning of its hash. */
  roster: rosterIdSchema.optional(),
  start: z.int().min(0).max(65535).optional(),
  count: z.int().min(0).max(65536).optional(),
});

/** Heartbeats in a few bytes each; see `stamps-core.ts`. */
const stampsSchema: z.ZodType<Uint8Array> = z
  .custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length <= 4096,
    'at most 4,096 bytes are expected',
  )
  .refine((value) => unpackStamps(value) !== undefined, 'the stamps are malformed');

export const gossipRequestSchema = z.object({
  version: ringVersionSchema,
  self: profileSchema,
  about: aboutSchema,
  /** What the sender knows of those; of whom there is no stamp, it knows nothing. */
  stamps: stampsSchema,
});
export const gossipReplySchema = z.object({
  version: ringVersionSchema,
  /** The list of members as the answerer knows it. */
  roster: rosterIdSchema,
  /** Who of those has lived on, as far as the answerer knows. */
  stamps: stampsSchema,
  /** Those of whom the asker knows another incarnation, or none, or an older info. */
  profiles: z.array(profileSchema).max(256),
});
/** Verb of `node.<id>.membership`. */
export const gossip: Contract<z.infer<typeof gossipRequestSchema>, z.infer<typeof gossipReplySchema>> = {
  verb: 'gossip.digest',
  request: gossipRequestSchema,
  reply: gossipReplySchema,
};

const hashSchema = z.string().regex(/^[0-9a-f]{16}$/);
const prefixSchema = z.string().regex(/^[0-9a-f]{0,16}$/);

/** See `Comparison` in `history-diff-core.ts`; question and answer have the same form. */
export const compareRequestSchema = z.object({
  version: ringVersionSchema,
  /** Of the records whose hashes begin with `prefix`: how many, and the sum of the hashes modulo 2^64. */
  parts: z.array(z.object({ prefix: prefixSchema, count: z.int().min(0), sum: hashSchema })).max(512),
  /** All hashes that begin with `prefix`. */
  lists: z.array(z.object({ prefix: prefixSchema, hashes: z.array(hashSchema).max(256) })).max(256),
  /** Hashes of records that the sender asks for. */
  wants: z.array(hashSchema).max(512),
  /** Records that the receiver lacks. */
  records: z.array(membershipRecordSchema).max(4096),
});
export const compareReplySchema = compareRequestSchema;
/** Verb of `node.<id>.membership`. */
export const compareHistories: Contract<z.infer<typeof compareRequestSchema>, z.infer<typeof compareReplySchema>> = {
  verb: 'history.compare',
  request: compareRequestSchema,
  reply: compareReplySchema,
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
