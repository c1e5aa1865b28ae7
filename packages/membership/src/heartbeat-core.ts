import type { z } from 'zod';
import type { heartbeatSchema } from './contract.ts';

export type Heartbeat = z.infer<typeof heartbeatSchema>;

/** Whether `a` is a later sign of life than `b`. */
export function isNewer(a: Heartbeat, b: Heartbeat | undefined): boolean {
  if (b === undefined) return true;
  return a.incarnation > b.incarnation || (a.incarnation === b.incarnation && a.beat > b.beat);
}

/**
 * This node's own incarnation, given what others tell of it: when they know a higher one (its clock was set back between two starts), it
 * goes past that, so that its beats count as news again (SWIM, section 4.2: only the node itself raises its incarnation).
 */
export function refute(incarnation: number, rumour: Heartbeat | undefined): number {
  return rumour !== undefined && rumour.incarnation > incarnation ? rumour.incarnation + 1 : incarnation;
}

/** The incarnation of a node that hears it is suspected: one higher, unless it has passed that one already (SWIM, section 4.2). */
export function refuteSuspicion(incarnation: number, suspected: number): number {
  return suspected === incarnation ? incarnation + 1 : incarnation;
}
