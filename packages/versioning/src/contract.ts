import { z } from 'zod';

/**
 * What this package speaks on the wire: verbs of `node.<id>.versioning`. The shape of a contract (`verb`, `request`, `reply`) is that
 * of `@ringfort/bus`, which this package does not import.
 */

export const runRequestSchema = z.object({});
export const runReplySchema = z.object({
  runId: z.string().regex(/^[0-9a-f]{16}$/),
  /** Actors that this run has given so far. */
  given: z.int().min(0),
  /** Signs of amnesia or of a copied store since the process started. */
  alarms: z.int().min(0),
  /** Keys whose actors are no longer trusted. */
  tainted: z.int().min(0),
  /** Whether a clean stop now would hand the run over. */
  mode: z.enum(['givingDots', 'givingDotsTainted', 'givingDotsAlarmed', 'stopped']),
});
export type RunReply = z.infer<typeof runReplySchema>;

/** Inspects the run that gives the node's dots. */
export const run = { verb: 'run', request: runRequestSchema, reply: runReplySchema };

/** What a run marker must look like when it comes back from the disk. */
export const runMarkerSchema = z.object({ runId: z.string().regex(/^[0-9a-f]{16}$/), nextNumber: z.int().min(0) });
