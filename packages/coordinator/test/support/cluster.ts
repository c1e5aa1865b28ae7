import { type Bus, type Clock, type MemoryNetwork, memoryBus, memoryNetwork, systemRandom } from '@ringfort/bus';
import type { FailureReason, Membership, MembershipEvent } from '@ringfort/membership';
import { type BucketSettings, foldHistory, type MembershipRecord, partitionOf, type Ring } from '@ringfort/ring';
import { type DiskHook, type Moves, memoryStore, type RecordId, type Store, serveStorage } from '@ringfort/storage';
import { virtualClock } from '@ringfort/testkit';
import { createVersioner, type Versioner } from '@ringfort/versioning';
import { type Coordinator, type CoordinatorLimits, createCoordinator, slotViewOf } from '../../src/index.ts';

/** A membership whose ring is given and whose liveness the test sets by hand. */
export class FixedMembership implements Membership {
  readonly state = 'member';
  readonly down = new Set<string>();
  readonly failures: { node: string; reason: FailureReason }[] = [];
  readonly #listeners = new Set<(event: MembershipEvent) => void>();
  constructor(
    readonly self: string,
    public ring: Ring,
  ) {}
  isUp(node: string): boolean {
    return node === this.self || !this.down.has(node);
  }
  reportFailure(node: string, reason: FailureReason): void {
    this.failures.push({ node, reason });
  }
  reportSuccess(): void {}
  /** The history says something else now. */
  setRing(ring: Ring): void {
    this.ring = ring;
    for (const listener of this.#listeners) listener({ type: 'ring.changed', ring });
  }
  setDown(node: string, down: boolean): void {
    if (this.down.has(node) === down) return;
    if (down) this.down.add(node);
    else this.down.delete(node);
    for (const listener of this.#listeners) listener({ type: down ? 'node.down' : 'node.up', node });
  }
  peers(): never[] {
    return [];
  }
  history(): never[] {
    return [];
  }
  on(listener: (event: MembershipEvent) => void) {
    this.#listeners.add(listener);
    return { unsubscribe: () => this.#listeners.delete(listener) };
  }
  async configureBucket(): Promise<never> {
    throw new Error('buckets are configured in the history that the cluster is made with');
  }
  async syncHistory(_node: string): Promise<void> {
    return unchanging();
  }
  plan = unchanging;
  commit = unchanging;
  abort = unchanging;
  async close(): Promise<void> {}
}

async function unchanging(): Promise<never> {
  throw new Error('the members are those that the cluster is made with');
}

export interface TestNode {
  readonly id: string;
  bus: Bus;
  store: Store;
  versioner: Versioner;
  membership: FixedMembership;
  coordinator: Coordinator;
  /** Whether its storage serves; else `NOT_SERVING`. */
  isServing: boolean;
  /** Closes bus and coordinator; the store stays, for `start`. */
  stop(): Promise<void>;
  /** Flips a byte of what is stored under the id now: bit rot. */
  corrupt(id: RecordId, standIn?: boolean): void;
}

export interface TestCluster {
  readonly network: MemoryNetwork;
  readonly clock: Clock & { advanceAsync(ms: number): Promise<void> };
  readonly ring: Ring;
  readonly nodes: TestNode[];
  node(id: string): TestNode;
  /** Runs a promise to its end while virtual time goes on. */
  run<T>(work: Promise<T>): Promise<T>;
  /** The node comes back with nothing: a wiped directory under the same id. */
  restartEmpty(id: string): Promise<TestNode>;
  /** Lets virtual time pass. */
  pass(ms: number): Promise<void>;
  /** Everybody thinks so. */
  setDown(id: string, down: boolean): void;
  /** A key whose preference list begins with these nodes. */
  primariesOf(bucket: string, key: string): { id: RecordId; list: readonly string[] };
}

export interface TestClusterOptions {
  readonly nodes?: number;
  readonly buckets?: Readonly<Record<string, BucketSettings>>;
  readonly limits?: Partial<CoordinatorLimits>;
  readonly durability?: 'fsync' | 'interval';
  readonly maxHintBytesPerTarget?: number;
  /** 0: every record is read from the simulated disk. */
  readonly cacheBytes?: number;
  /** What a node knows of the cluster; by default what all were founded with, for good. */
  readonly membershipOf?: (id: string) => FixedMembership;
  readonly movesOf?: (id: string) => Moves;
}

/** A founded cluster of real stores, buses and coordinators in one process, on virtual time; only liveness is in the test's hand. */
export async function testCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const clock = virtualClock({ startMs: 1_700_000_000_000 });
  const network = memoryNetwork({ clock });
  const ids = Array.from({ length: options.nodes ?? 5 }, (_, i) => `n${i + 1}`);
  const ring = foldHistory(history(ids, options.buckets ?? {}));
  const nodes: TestNode[] = [];
  const newStore = (disk: DiskHook) =>
    memoryStore({
      clock,
      random: systemRandom,
      disk,
      cacheBytes: options.cacheBytes ?? 16 * 1024 * 1024,
      durability: options.durability ?? 'fsync',
      ...(options.maxHintBytesPerTarget === undefined ? {} : { maxHintBytesPerTarget: options.maxHintBytesPerTarget }),
    });
  const start = (id: string) => {
    const disk: DiskHook = {};
    return startNode(id, newStore(disk), { clock, network, ring, options, disk });
  };
  for (const id of ids) nodes.push(await start(id));
  return {
    network,
    clock,
    ring,
    nodes,
    node: (id) => nodes.find((node) => node.id === id)!,
    async run(work) {
      let ended = false;
      const result = work.finally(() => {
        ended = true;
      });
      result.catch(() => {});
      for (let i = 0; !ended && i < 10_000; i++) await clock.advanceAsync(1);
      return result;
    },
    async restartEmpty(id) {
      const index = nodes.findIndex((node) => node.id === id);
      const closing = nodes[index]!.stop();
      await clock.advanceAsync(100);
      await closing;
      nodes[index] = await start(id);
      return nodes[index]!;
    },
    pass: (ms) => clock.advanceAsync(ms),
    setDown: (id, down) => {
      for (const node of nodes) node.membership.setDown(id, down);
    },
    primariesOf: (bucket, key) => {
      const partition = partitionOf(bucket, key, ring.partitions);
      return { id: { partition, bucket, key }, list: ring.preferenceList(partition) };
    },
  };
}

interface Surroundings {
  readonly clock: Clock;
  readonly network: MemoryNetwork;
  readonly ring: Ring;
  readonly options: TestClusterOptions;
  readonly disk: DiskHook;
}

async function startNode(
  id: string,
  store: Store,
  { clock, network, ring, options, disk }: Surroundings,
): Promise<TestNode> {
  const bus = memoryBus({ network, cluster: 'test', self: `node.${id}` });
  const membership = options.membershipOf?.(id) ?? new FixedMembership(id, ring);
  const moves = options.movesOf?.(id);
  const versioner = await createVersioner({ random: (count) => systemRandom.bytes(count) });
  const served = serveStorage({
    bus,
    nodeId: id,
    store,
    clock,
    isServing: () => node.isServing,
    slots: slotViewOf(id, () => membership.ring),
    moves,
  });
  const coordinator = createCoordinator({
    bus,
    store,
    membership,
    versioner,
    clock,
    random: systemRandom,
    limits: options.limits,
    moves,
  });
  const node: TestNode = {
    id,
    bus,
    store,
    versioner,
    membership,
    coordinator,
    isServing: true,
    corrupt(id, standIn = false) {
      let rotten: Buffer | undefined;
      const before = disk.read;
      disk.read = (at, stored, isStandIn) => {
        if (at.key !== id.key || isStandIn !== standIn) return before?.(at, stored, isStandIn) ?? stored;
        rotten ??= Buffer.from(stored);
        if (!rotten.equals(stored)) return stored;
        const flipped = Uint8Array.from(stored);
        flipped[flipped.length - 1]! ^= 1;
        return flipped;
      };
    },
    async stop() {
      await Promise.all([served.close(), bus.close()]);
    },
  };
  return node;
}

/** What these nodes were founded with. */
export function history(
  ids: readonly string[],
  buckets: Readonly<Record<string, BucketSettings>> = {},
  partitions = 64,
): MembershipRecord[] {
  const founders = [...ids].sort();
  const founding = founders.map(
    (node): MembershipRecord => ({
      kind: 'node.founded',
      lamport: 0,
      author: node,
      node,
      store: `store-${node}`,
      weight: 1,
      zone: 'a',
      founders,
      partitions,
    }),
  );
  const made = Object.entries(buckets).map(
    ([bucket, settings], i): MembershipRecord => ({
      kind: 'bucket.configured',
      lamport: i + 1,
      author: founders[0]!,
      bucket,
      settings,
    }),
  );
  return [...founding, ...made];
}
