import { type Bus, type Inbound, type MemoryNetwork, memoryBus, memoryNetwork, type Subscription } from '@ringfort/bus';
import * as coordinator from '@ringfort/coordinator/contract';
import { nodeDown, nodeUp, ringChanged, view } from '@ringfort/membership/contract';
import { foldHistory, type MembershipRecord, partitionOf, type Ring } from '@ringfort/ring';
import {
  contextAfterPut,
  contextOf,
  decodeContext,
  encodeContext,
  formatDot,
  liveSiblings,
  updateObject,
  type VersionedObject,
} from '@ringfort/versioning';

const cluster = 'test';

/** What a node is made to do with a request instead of answering it at once. */
export type Behaviour = (verb: string, body: unknown, inbound: Inbound) => Promise<void> | void;

export class NodeFailure extends Error {
  readonly code: string;
  readonly details: Record<string, unknown> | undefined;
  constructor(code: string, details?: Record<string, unknown>) {
    super(code);
    this.code = code;
    this.details = details;
  }
}

/** One fake node: the real contracts over one shared map, so that any node answers for any key. */
class FakeNode {
  readonly id: string;
  readonly bus: Bus;
  behave: Behaviour | undefined;
  readonly requests: { verb: string; address: 'kv' | 'node'; body: Record<string, unknown> }[] = [];
  #served: Subscription[] = [];

  constructor(owner: FakeCluster, id: string) {
    this.id = id;
    this.bus = memoryBus({ network: owner.network, cluster, self: `node.${id}` });
    this.serve(owner);
  }

  serve(owner: FakeCluster): void {
    const answer =
      <Q, R>(verb: string, address: 'kv' | 'node', handler: (body: Q) => R) =>
      async (body: Q, inbound: Inbound) => {
        this.requests.push({ verb, address, body: body as Record<string, unknown> });
        await this.behave?.(verb, body, inbound);
        return handler(body);
      };
    const both = (verb: string, contract: never, handler: (body: never) => unknown, subsystem: string) => [
      this.bus.serve(`node.${this.id}.${subsystem}`, contract, answer(verb, 'node', handler) as never),
      this.bus.serve(`kv.${verb}`, contract, answer(verb, 'kv', handler) as never, { queue: 'kv' }),
    ];
    this.#served = [
      ...both('get', coordinator.get as never, (body: coordinator.GetRequest) => owner.get(body), 'coordinator'),
      ...both(
        'put',
        coordinator.put as never,
        (body: coordinator.PutRequest) => owner.put(this.id, body),
        'coordinator',
      ),
      ...both(
        'delete',
        coordinator.remove as never,
        (body: coordinator.DeleteRequest) => owner.put(this.id, body),
        'coordinator',
      ),
      ...both('keys', coordinator.keys as never, (body: never) => owner.keys(body), 'coordinator'),
      ...both('view', view as never, (body: never) => owner.view(body), 'membership'),
    ];
  }

  /** The process dies: nobody listens on its addresses any more. */
  kill(): void {
    for (const one of this.#served) one.unsubscribe();
    this.#served = [];
  }
}

/** A cluster that keeps what it is given in one map, and fails as it is told to. For tests of the client alone. */
export class FakeCluster {
  readonly network: MemoryNetwork;
  readonly nodes = new Map<string, FakeNode>();
  readonly objects = new Map<string, VersionedObject>();
  records: MembershipRecord[];
  #given = 0;

  constructor(ids: readonly string[], founded = true, network = memoryNetwork()) {
    this.network = network;
    this.records = founded ? this.founding(ids) : [];
    for (const id of ids) this.nodes.set(id, new FakeNode(this, id));
  }

  founding(ids: readonly string[]): MembershipRecord[] {
    const founders = [...ids].sort();
    return founders.map((node) => ({
      kind: 'node.founded',
      lamport: 1,
      author: node,
      node,
      store: `store-${node}`,
      weight: 1,
      zone: 'z',
      founders,
      partitions: 16,
    }));
  }

  get ring(): Ring {
    return foldHistory(this.records);
  }

  clientBus(): Bus {
    return memoryBus({ network: this.network, cluster, self: 'client.c1' });
  }

  node(id: string): FakeNode {
    return this.nodes.get(id)!;
  }

  /** The nodes of the key, in the order in which a client should ask them. */
  nodesOf(bucket: string, key: string): FakeNode[] {
    const { ring } = this;
    return ring.preferenceList(partitionOf(bucket, key, ring.partitions)).map((id) => this.node(id));
  }

  /** Requests of a verb that reached any node. */
  count(verb: string): number {
    return [...this.nodes.values()].reduce(
      (sum, node) => sum + node.requests.filter((one) => one.verb === verb).length,
      0,
    );
  }

  announce(event: 'ring.changed' | 'node.up' | 'node.down', from: string, about = from): void {
    const { bus } = this.node(from);
    if (event === 'ring.changed')
      bus.publish('events.ring.changed', ringChanged, { node: from, version: this.ring.version });
    else bus.publish(`events.${event}`, event === 'node.up' ? nodeUp : nodeDown, { node: about, observer: from });
  }

  get({ bucket, key, ring }: coordinator.GetRequest): coordinator.GetReply {
    const object = this.objects.get(`${bucket}/${key}`);
    const siblings = object === undefined ? [] : liveSiblings(object, 0);
    return {
      siblings: siblings.map(({ value, contentType, dot }) => ({ value: value!, contentType, dot: formatDot(dot) })),
      ...(object === undefined ? {} : { context: encodeContext(contextOf(object)) }),
      ...this.#stale(ring),
    };
  }

  put(node: string, body: coordinator.PutRequest | coordinator.DeleteRequest): coordinator.WriteReply {
    const id = `${body.bucket}/${body.key}`;
    const context = body.context === undefined ? undefined : decodeContext(body.context);
    const dot = { actor: `${node}-${++this.#given}`, counter: 1 };
    const value = 'value' in body ? body.value : undefined;
    const contentType = ('contentType' in body ? body.contentType : undefined) ?? '';
    const object = updateObject(this.objects.get(id), context, dot, {
      value: value && Uint8Array.from(value),
      contentType,
    });
    this.objects.set(id, object);
    return {
      context: encodeContext(contextAfterPut(context, dot)),
      siblings: liveSiblings(object, 0).length,
      ...this.#stale(body.ring),
    };
  }

  keys({ bucket, cursor, limit }: { bucket: string; cursor?: string; limit: number }): {
    keys: string[];
    cursor?: string;
  } {
    const all = [...this.objects.keys()].filter((id) => id.startsWith(`${bucket}/`)).sort();
    const from = cursor === undefined ? 0 : all.findIndex((id) => id > cursor);
    const page = from < 0 ? [] : all.slice(from, from + limit);
    const more = from >= 0 && from + limit < all.length;
    return { keys: page.map((id) => id.slice(bucket.length + 1)), ...(more ? { cursor: page.at(-1)! } : {}) };
  }

  view({ have }: { have?: Ring['version'] }) {
    const { version } = this.ring;
    return { version, peers: [], ...(have?.digest === version.digest ? {} : { records: this.records }) };
  }

  #stale(version: Ring['version'] | undefined): { staleRing?: boolean } {
    return version !== undefined && version.digest !== this.ring.version.digest ? { staleRing: true } : {};
  }

  async close(): Promise<void> {
    for (const node of this.nodes.values()) node.kill();
    await Promise.all([...this.nodes.values()].map((node) => node.bus.close()));
  }
}
