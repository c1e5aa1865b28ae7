import { defineContract } from '@ringfort/bus';
import { z } from 'zod';

export const handOverTakeRequestSchema = z.object({
  partition: z.int().min(0).max(65535),
  /** Drawn by the asker when it began to forward: only what was fetched since then counts. */
  session: z.string().min(1).max(64),
});
export const handOverTakeReplySchema = z.object({
  /** `busy`: not begun, ask again; `held`: all that the asker held when the session began is on disk here. */
  state: z.enum(['busy', 'fetching', 'held']),
});
export type HandOverTakeRequest = z.infer<typeof handOverTakeRequestSchema>;
export type HandOverTakeReply = z.infer<typeof handOverTakeReplySchema>;

/** Verb of `node.<id>.transfers`: the asker's copy of a partition is to be fetched from it. Answered when there is something to tell, or at half time. */
export const handOverTake = defineContract({
  verb: 'handover.take',
  request: handOverTakeRequestSchema,
  reply: handOverTakeReplySchema,
});
