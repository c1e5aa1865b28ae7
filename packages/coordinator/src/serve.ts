import type { Bus, Contract, Done } from '@ringfort/bus';
import type { z } from 'zod';
import type {
  DeleteRequest,
  GetReply,
  GetRequest,
  keysReplySchema,
  keysRequestSchema,
  PutRequest,
  replicasReplySchema,
  replicasRequestSchema,
  WriteReply,
} from './contract.ts';
import * as contract from './contract.ts';

/** Answers a request within `timeoutMs` by calling `done`, once. */
export type Verb<Q, R> = (request: Q, timeoutMs: number, done: Done<R>) => void;

/** What a coordinator does, by callback. */
export interface Verbs {
  readonly get: Verb<GetRequest, GetReply>;
  readonly put: Verb<PutRequest, WriteReply>;
  readonly delete: Verb<DeleteRequest, WriteReply>;
  readonly keys: Verb<z.infer<typeof keysRequestSchema>, z.infer<typeof keysReplySchema>>;
  readonly replicas: Verb<z.infer<typeof replicasRequestSchema>, z.infer<typeof replicasReplySchema>>;
}

/** Puts a coordinator behind its subjects: `node.<id>.coordinator`, and `kv.<verb>` in the queue group of all members. */
export function serveCoordinator(bus: Bus, node: string, verbs: Verbs): { close(): void } {
  const address = `node.${node}.coordinator`;
  const both = <Q, R>(served: Contract<Q, R>, verb: Verb<Q, R>) => {
    const answerer = (body: Q, { timeoutMs }: { readonly timeoutMs: number }, done: Done<R>) =>
      verb(body, timeoutMs, done);
    return [bus.answer(address, served, answerer), bus.answer(`kv.${served.verb}`, served, answerer, { queue: 'kv' })];
  };
  const subscriptions = [
    ...both(contract.get, verbs.get),
    ...both(contract.put, verbs.put),
    ...both(contract.remove, verbs.delete),
    ...both(contract.keys, verbs.keys),
    ...both(contract.replicas, verbs.replicas),
  ];
  return {
    close: () => {
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}
