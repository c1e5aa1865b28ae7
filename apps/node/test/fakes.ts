import type { ScrubStatus } from '@ringfort/anti-entropy';
import type { Clock, Random } from '@ringfort/bus';
import type { CallOptions, Coordinator, Operator } from '@ringfort/coordinator';
import type {
  DeleteRequest,
  GetReply,
  GetRequest,
  InspectReply,
  KeyRequest,
  MergeRequest,
  ObjectsReply,
  ObjectsRequest,
  PutRequest,
  RepairReply,
} from '@ringfort/coordinator/contract';
import {
  type ClusterChange,
  type ClusterPlan,
  type Membership,
  type MembershipState,
  planChanges,
} from '@ringfort/membership';
import {
  type BucketSettings,
  emptyHistory,
  extendHistory,
  type MembershipRecord,
  type Ring,
  type RingNode,
  type RingVersion,
  type SlotMove,
} from '@ringfort/ring';
import { pino } from 'pino';
import { limitsSchema, type NodeLimits, type TokenConfig } from '../src/config.ts';
import { NotReadyError } from '../src/errors.ts';
import type { HttpHost } from '../src/http/host.ts';
import { createHttpServer } from '../src/http/server.ts';
import { createMetrics, measured } from '../src/metrics.ts';

type Sibling = GetReply['siblings'][number];

/** Says what it is told to say. */
export class FakeOperator implements Operator {
  /** What each call about a scrub is answered, in turn; the last one stays. */
  scrubs: ScrubStatus[] = [];

  async scrub(verb: string, node: string): Promise<ScrubStatus> {
    this.calls.push({ verb: `scrub ${verb}`, request: node, options: undefined });
    return (this.scrubs.length > 1 ? this.scrubs.shift() : this.scrubs[0])!;
  }

  readonly calls: { verb: string; request: unknown; options: CallOptions | undefined }[] = [];
  inspected: InspectReply | undefined;
  repaired: RepairReply | undefined;

  async inspect(request: KeyRequest, options?: CallOptions) {
    this.calls.push({ verb: 'inspect', request, options });
    return this.inspected!;
  }

  /** What `objects` answers, page by page. */
  pages: ObjectsReply[] = [];
  /** What was merged, last. */
  readonly merged = new Map<string, Uint8Array>();
  /** Asked by `merge` before it takes an object; what it throws is the answer. */
  refuse: (request: MergeRequest) => void = () => {};

  async objects({ cursor }: ObjectsRequest) {
    return this.pages[Number(cursor ?? 0)] ?? { items: [] };
  }

  async merge(request: MergeRequest) {
    this.refuse(request);
    this.merged.set(id(request), request.object);
    return {};
  }

  async repair(request: KeyRequest, options?: CallOptions) {
    this.calls.push({ verb: 'repair', request, options });
    return this.repaired!;
  }
}

/** A coordinator in memory: a put without context adds a sibling, one with any context replaces all. */
export class FakeCoordinator implements Coordinator {
  readonly keysHeld = new Map<string, { siblings: Sibling[]; context: Uint8Array }>();
  readonly calls: { verb: string; request: unknown; options: CallOptions | undefined }[] = [];
  /** Thrown by the next call, once. */
  failure: unknown;
  /** Awaited by every call. */
  gate: Promise<void> = Promise.resolve();
  #counter = 0;

  async get(request: GetRequest, options?: CallOptions): Promise<GetReply> {
    await this.#enter('get', request, options);
    const held = this.keysHeld.get(id(request));
    return held === undefined ? { siblings: [] } : { siblings: held.siblings, context: held.context };
  }

  async put(request: PutRequest, options?: CallOptions) {
    await this.#enter('put', request, options);
    this.#counter += 1;
    const context = new TextEncoder().encode(`c${this.#counter}`);
    const sibling = {
      value: request.value,
      contentType: request.contentType ?? 'application/octet-stream',
      dot: `a:${this.#counter}`,
    };
    const before = request.context === undefined ? (this.keysHeld.get(id(request))?.siblings ?? []) : [];
    this.keysHeld.set(id(request), { siblings: [...before, sibling], context });
    return { context, siblings: before.length + 1 };
  }

  async delete(request: DeleteRequest, options?: CallOptions) {
    await this.#enter('delete', request, options);
    const context = new TextEncoder().encode('tombstone');
    this.keysHeld.set(id(request), { siblings: [], context });
    return { context, siblings: 0 };
  }

  async keys(request: { bucket: string; cursor?: string | undefined; limit: number }, options?: CallOptions) {
    await this.#enter('keys', request, options);
    const keys = [...this.keysHeld.keys()]
      .map((text) => (JSON.parse(text) as [string, string])[1])
      .slice(0, request.limit);
    return { keys, cursor: 'next' };
  }

  async replicas(request: { bucket: string; key: string }, options?: CallOptions) {
    await this.#enter('replicas', request, options);
    return {
      partition: 7,
      preferenceList: ['n1', 'n2', 'n3'],
      replicas: [
        { node: 'n1', digest: '00000000000000aa', siblings: 1, tombstone: false },
        { node: 'n2', error: 'NO_RESPONDERS' },
      ],
    };
  }

  readonly operator = new FakeOperator();

  stats() {
    return { inFlight: 3, readRepairs: 1, hintsWritten: 2, hintsDelivered: 4, forwarded: 5 };
  }

  async close() {}

  async #enter(verb: string, request: unknown, options: CallOptions | undefined): Promise<void> {
    this.calls.push({ verb, request, options });
    await this.gate;
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }
}

function id(request: { bucket: string; key: string }): string {
  return JSON.stringify([request.bucket, request.key]);
}

const defaults: BucketSettings = { n: 3, r: 2, w: 2, conflict: 'siblings' };

/** A membership of three nodes, n2 suspect and n3 down. */
export class FakeMembership implements Membership {
  readonly self = 'n1';
  state: MembershipState = 'member';
  readonly made = new Map<string, BucketSettings>();
  readonly committed: Pick<ClusterPlan, 'basedOn' | 'changes'>[] = [];
  moving: readonly SlotMove[] = [];
  records: readonly MembershipRecord[] = [];
  failure: unknown;

  get ring(): Ring {
    const nodes: RingNode[] = ['n1', 'n2', 'n3'].map((node) => ({
      id: node,
      store: `s-${node}`,
      weight: 1,
      zone: 'default',
    }));
    return {
      version: { size: 3, digest: '0123456789abcdef' },
      founded: true,
      partitions: 256,
      nodes,
      node: (node) => nodes.find((candidate) => candidate.id === node),
      knows: (node) => nodes.some((candidate) => candidate.id === node),
      bucket: (name) => this.made.get(name) ?? defaults,
      buckets: [...this.made].map(([name, settings]) => ({ name, settings })),
      preferenceList: () => ['n1', 'n2', 'n3'],
      owners: () => ['n1', 'n2', 'n3'],
      targets: () => ['n1', 'n2', 'n3'],
      slotVersion: () => 0,
      moves: (partition) => this.moving.filter((move) => move.partition === partition),
      partitionsOf: () => Array.from({ length: 256 }, (_, partition) => partition),
    };
  }
  isUp(node: string) {
    return node !== 'n3';
  }
  reportFailure() {}
  reportSuccess() {}
  peers() {
    const info = { http: 'http://127.0.0.1:7001', pid: 41, version: '0.1.0', hintsHeld: 2 };
    return [
      { id: 'n1', status: 'self' as const, info },
      { id: 'n2', status: 'suspect' as const, info: { ...info, pid: 42 }, silentMs: 2500 },
      { id: 'n3', status: 'down' as const },
    ];
  }
  history() {
    return this.records;
  }
  on() {
    return { unsubscribe() {} };
  }
  async configureBucket(bucket: string, settings: BucketSettings) {
    if (this.failure !== undefined) throw this.failure;
    this.made.set(bucket, settings);
    return settings;
  }
  async plan(changes: readonly ClusterChange[]): Promise<ClusterPlan> {
    if (this.failure !== undefined) throw this.failure;
    const founders = ['n1', 'n2', 'n3'];
    const founding = founders.map((node, at): MembershipRecord => {
      const store = `s-${node}`;
      const common = { lamport: 1, author: node, weight: 1, zone: `z${at}`, founders, partitions: 256 };
      return { ...common, kind: 'node.founded', node, store };
    });
    return planChanges(extendHistory(emptyHistory, founding), changes, this.self);
  }
  async commit({ basedOn, changes }: Pick<ClusterPlan, 'basedOn' | 'changes'>): Promise<RingVersion> {
    if (this.failure !== undefined) throw this.failure;
    this.committed.push({ basedOn, changes });
    return { size: basedOn.size + changes.length, digest: basedOn.digest };
  }
  async syncHistory(): Promise<void> {}
  async abort(): Promise<ClusterPlan> {
    if (this.failure !== undefined) throw this.failure;
    return {
      ...(await this.plan([{ type: 'reweight', node: 'n2', weight: 2 }])),
      changes: [{ type: 'stay', node: 'n2' }],
    };
  }
  async close() {}
}

export const stillClock: Clock = {
  now: () => 0,
  monotonicMs: () => 0,
  setTimeout: () => undefined,
  clearTimeout: () => undefined,
};
export const countingRandom: Random = { bytes: (count) => new Uint8Array(count).fill(7), below: () => 0 };

/** An HTTP server over fakes. */
export function fakeNode(
  options: { limits?: Partial<NodeLimits>; tokens?: readonly TokenConfig[]; unready?: string } = {},
) {
  const coordinator = new FakeCoordinator();
  const membership = new FakeMembership();
  const metrics = createMetrics('n1', { defaultMetrics: false });
  metrics.sources.coordinator = coordinator;
  const logged: string[] = [];
  const counted = measured(coordinator, metrics, stillClock);
  function ready<Part>(part: Part): Part {
    if (options.unready !== undefined) throw new NotReadyError(options.unready);
    return part;
  }
  const host: HttpHost = {
    nodeId: 'n1',
    cluster: 'ringfort',
    limits: limitsSchema.parse(options.limits ?? {}),
    timeoutMs: 2000,
    tokens: options.tokens ?? [],
    metrics,
    random: countingRandom,
    log: pino({ level: 'error' }, { write: (line: string) => void logged.push(line) }),
    coordinator: () => ready(counted),
    membership: () => ready(membership),
    scrub: (verb, node) => coordinator.operator.scrub(verb, node),
    openCopy: async () => ({ async *pieces() {} }),
    unreadyReason: () => options.unready,
    condition: () => ({ bus: 'connected', storage: 'serving' }),
  };
  return { app: createHttpServer(host), coordinator, membership, metrics, logged };
}

/** An error as any package or remote node may throw it. */
export function coded(code: string, details: Record<string, unknown> = {}, message = `told: ${code}`): Error {
  return Object.assign(new Error(message), { code, details });
}
