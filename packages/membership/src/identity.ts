import type { Bus, Contract, Subscription } from '@ringfort/bus';
import { nodeIdSchema, zoneSchema } from '@ringfort/ring/contract';
import { z } from 'zod';
import { addressOf } from './address.ts';

export const identitySchema = z.object({
  id: nodeIdSchema,
  store: z.string().min(1).max(64),
  /** As it is configured; what counts is the record that adds it. */
  weight: z.number().positive().max(1000),
  zone: zoneSchema,
});
export type NodeIdentity = z.infer<typeof identitySchema>;

/** Verb of `node.<id>.membership`: who runs there. Answered by nodes that are no members, too: it is how one is added. */
export const identity: Contract<Record<string, never>, NodeIdentity> = {
  verb: 'identity',
  request: z.strictObject({}),
  reply: identitySchema,
};

export function serveIdentity(bus: Bus, self: NodeIdentity): Subscription {
  const { id, store, weight, zone } = self;
  return bus.serve(addressOf(id), identity, () => ({ id, store, weight, zone }));
}

/** Who runs under that id; undefined when nobody answers in time. */
export async function askIdentity(bus: Bus, node: string, timeoutMs: number): Promise<NodeIdentity | undefined> {
  try {
    return await bus.request(addressOf(node), identity, {}, { timeoutMs });
  } catch {
    // Whatever the reason: the plan says that the node was not heard, and a commit is refused.
    return undefined;
  }
}
