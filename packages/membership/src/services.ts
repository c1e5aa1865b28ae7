import type { Bus, Inbound, Subscription } from '@ringfort/bus';
import type { z } from 'zod';
import { addressOf } from './address.ts';
import {
  compareHistories,
  type compareReplySchema,
  type compareRequestSchema,
  gossip,
  type gossipReplySchema,
  type gossipRequestSchema,
  indirectPing,
  type indirectPingReplySchema,
  type indirectPingRequestSchema,
  ping,
  type pingReplySchema,
  type pingRequestSchema,
  pushRecords,
  type pushRecordsReplySchema,
  type pushRecordsRequestSchema,
  view,
  type viewReplySchema,
  type viewRequestSchema,
} from './contract.ts';

/** What the membership answers to others; `from` is the id of the node that asks. */
export interface MembershipHandlers {
  gossip(from: string, request: z.infer<typeof gossipRequestSchema>): z.infer<typeof gossipReplySchema>;
  compare(from: string, request: z.infer<typeof compareRequestSchema>): Promise<z.infer<typeof compareReplySchema>>;
  push(
    from: string,
    request: z.infer<typeof pushRecordsRequestSchema>,
  ): Promise<z.infer<typeof pushRecordsReplySchema>>;
  view(request: z.infer<typeof viewRequestSchema>): z.infer<typeof viewReplySchema>;
  ping(from: string, request: z.infer<typeof pingRequestSchema>): z.infer<typeof pingReplySchema>;
  indirectPing(
    request: z.infer<typeof indirectPingRequestSchema>,
    timeoutMs: number,
  ): Promise<z.infer<typeof indirectPingReplySchema>>;
}

/** Puts the handlers behind the node's subject, and `kv.view` while the node is a member. */
export class Services {
  readonly #bus: Bus;
  readonly #handlers: MembershipHandlers;
  readonly #own: Subscription[];
  #shared: Subscription | undefined;

  constructor(bus: Bus, self: string, handlers: MembershipHandlers) {
    this.#bus = bus;
    this.#handlers = handlers;
    const address = addressOf(self);
    this.#own = [
      bus.serve(address, gossip, (body, inbound) => handlers.gossip(nodeOf(inbound), body)),
      bus.serve(address, compareHistories, (body, inbound) => handlers.compare(nodeOf(inbound), body)),
      bus.serve(address, pushRecords, (body, inbound) => handlers.push(nodeOf(inbound), body)),
      bus.serve(address, view, (body) => handlers.view(body)),
      bus.serve(address, ping, (body, inbound) => handlers.ping(nodeOf(inbound), body)),
      bus.serve(address, indirectPing, (body, { timeoutMs }) => handlers.indirectPing(body, timeoutMs)),
    ];
  }

  /** Joins or leaves the queue group that answers clients which know no ring yet. */
  serveClients(serve: boolean): void {
    if (serve) this.#shared ??= this.#bus.serve('kv.view', view, (body) => this.#handlers.view(body), { queue: 'kv' });
    else this.#shared?.unsubscribe();
    if (!serve) this.#shared = undefined;
  }

  stop(): void {
    this.serveClients(false);
    for (const subscription of this.#own) subscription.unsubscribe();
  }
}

/** The node id of a sender `node.<id>`; other senders have an id that no node has. */
function nodeOf(inbound: Inbound): string {
  return inbound.from.startsWith('node.') ? inbound.from.slice('node.'.length) : inbound.from;
}
