import type { Contract } from '@ringfort/bus';
import { z } from 'zod';

const count = z.int().min(0);

/** One look at everything that a store holds, under way or over. */
const scrubPassSchema = z.object({
  /** Unix milliseconds. */
  beganMs: z.number(),
  /** Absent while it is under way. */
  endedMs: z.number().optional(),
  /** Partitions that were looked at, and those that there are. */
  done: count,
  partitions: count,
  records: count,
  bytes: count,
  /** Records, and stand-in records, that could not be read. */
  corrupt: count,
  /** Of the records: those that are whole again. */
  healed: count,
});
export type ScrubPass = z.infer<typeof scrubPassSchema>;

export const scrubStatusSchema = z.object({
  node: z.string(),
  state: z.enum(['resting', 'scanning', 'mending']),
  /** The pass under way, or the last one since the node began; absent: there was none. */
  pass: scrubPassSchema.optional(),
  /** Corrupt records whose other owners could not all be heard: they are asked again. */
  waiting: count,
  /** Corrupt records that nobody else holds. */
  lost: count,
});
export type ScrubStatus = z.infer<typeof scrubStatusSchema>;

const nothing = z.object({});

/** Verbs of `node.<id>.anti-entropy`. Begins a pass now; one that is under way goes on. */
export const scrubStart: Contract<Record<string, never>, ScrubStatus> = {
  verb: 'scrub.start',
  request: nothing as z.ZodType<Record<string, never>>,
  reply: scrubStatusSchema,
};
export const scrubStatus: Contract<Record<string, never>, ScrubStatus> = {
  verb: 'scrub.status',
  request: nothing as z.ZodType<Record<string, never>>,
  reply: scrubStatusSchema,
};
