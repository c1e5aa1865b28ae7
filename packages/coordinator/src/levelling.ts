import { ringVersionSchema } from '@ringfort/ring/contract';
import { z } from 'zod';
import type { Effects } from './effects.ts';
import type { PlacementPlan } from './placement-core.ts';

/** How often one request may meet a node that knows other owners; beyond, that node counts as failed. */
export const MAX_LEVELLINGS = 8;
/** A node that refuses though it knows the same is just handing over: it knows more soon. */
const RECORDING_MS = 25;

const detailsSchema = z.object({
  asked: z.number().optional(),
  known: z.number().optional(),
  ring: ringVersionSchema.optional(),
});

/**
 * A node did not answer as an owner, since it and this node know other owners (`STALE_SLOTS`): exchanges records with it.
 * @param done told when it may be asked again; whom to ask then, the ring says. False: no records could be exchanged
 */
export function levelWith(
  fx: Effects,
  node: string,
  failure: { readonly details?: unknown },
  done: (levelled: boolean) => void,
): void {
  const { asked, known, ring } = detailsSchema.safeParse(failure.details).data ?? {};
  if (known === asked) {
    fx.wheel.after(RECORDING_MS, () => done(true));
    return;
  }
  if (node === fx.self) {
    queueMicrotask(() => done(true));
    return;
  }
  fx.membership.syncHistory(node, ring).then(
    () => done(true),
    (error: Error) => {
      fx.onFault(error, 'exchange of records');
      done(false);
    },
  );
}

/** The owners have changed: what was asked by the former ones counts no more. */
export function leavePlaces({ places, reserve }: PlacementPlan): void {
  for (const place of places) place.state = 'left';
  for (const place of reserve) place.state = 'left';
}
