import { type CountedBus, memoryBus } from '@ringfort/bus';
import type { FailureReason, Membership, MembershipEvent } from '@ringfort/membership';
import { foldHistory, type MembershipRecord, type Ring } from '@ringfort/ring';
import { type DiskHook, memoryStore, type ServedStorage, type Store, serveStorage } from '@ringfort/storage';
import { faultyNetwork, seededRandom, type VirtualClock, virtualClock } from '@ringfort/testkit';
import { type AntiEntropy, type AntiEntropyLimits, createAntiEntropy } from '../../src/index.ts';

async function unchanging(): Promise<never> {
  throw new Error('the history is the one that the nodes are made with');
}

/** A membership whose ring is given and whose liveness the test sets by hand. */
export class FixedMembership implements Membership {
  state: Membership['state'] = 'member';
  readonly down = new Set<string>();
  readonly #listeners = new Set<(event: MembershipEvent) => void>();
  constructor(
    readonly self: string,
    public ring: Ring,
  ) {}
  isUp(node: string): boolean {
    return node === this.self || !this.down.has(node);
  }
  reportFailure(_node: string, _reason: FailureReason): void {}
  reportSuccess(): void {}
  tell(event: MembershipEvent): void {
    if (event.type === 'node.up') this.down.delete(event.node);
    if (event.type === 'node.down') this.down.add(event.node);
    if (event.type === 'ring.changed') this.ring = event.ring;
    for (const listener of this.#listeners) listener(event);
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
  configureBucket = unchanging;
  syncHistory = unchanging;
  plan = unchanging;
  commit = unchanging;
  abort = unchanging;
  async close(): Promise<void> {}
}

export interface TestNode {
  readonly id: string;
  readonly bus: CountedBus;
  readonly store: Store;
  /** Of the store. */
  readonly disk: DiskHook;
  readonly storage: ServedStorage;
  readonly membership: FixedMembership;
  antiEntropy: AntiEntropy;
  readonly faults: string[];
}

export const PARTITIONS = 8;

export function ringOf(ids: readonly string[], buckets: Readonly<Record<string, number>> = {}): Ring {
  const founded = ids.map(
    (node): MembershipRecord => ({
      kind: 'node.founded',
      lamport: 1,
      author: node,
      node,
      store: node,
      weight: 1,
      zone: node,
      founders: [...ids],
      partitions: PARTITIONS,
    }),
  );
  const configured = Object.entries(buckets).map(
    ([bucket, n], i): MembershipRecord => ({
      kind: 'bucket.configured',
      lamport: 2 + i,
      author: ids[0]!,
      bucket,
      settings: { n, r: 1, w: 1, conflict: 'siblings' },
    }),
  );
  return foldHistory([...founded, ...configured]);
}

/** Stores and their anti-entropy on one network, on virtual time; liveness is in the test's hand. */
export class TestNodes {
  readonly clock: VirtualClock = virtualClock();
  readonly faulty = faultyNetwork({ clock: this.clock, random: seededRandom(5) });
  readonly ring: Ring;
  readonly nodes: readonly TestNode[];
  readonly #limits: Partial<AntiEntropyLimits>;

  constructor(options: { nodes: number; buckets?: Record<string, number>; limits?: Partial<AntiEntropyLimits> }) {
    const ids = Array.from({ length: options.nodes }, (_, i) => `n${i + 1}`);
    this.ring = ringOf(ids, options.buckets);
    this.#limits = options.limits ?? {};
    this.nodes = ids.map((id) => this.#node(id));
  }

  #node(id: string): TestNode {
    const { clock } = this;
    const disk: DiskHook = {};
    const hook: DiskHook = { read: (of, stored, standIn) => disk.read?.(of, stored, standIn) ?? stored };
    const store = memoryStore({ clock, random: seededRandom(1), cacheBytes: 0, disk: hook });
    const bus = memoryBus({ network: this.faulty.network, cluster: 'test', self: `node.${id}`, clock });
    const membership = new FixedMembership(id, this.ring);
    const storage = serveStorage({ bus, nodeId: id, store, clock });
    const faults: string[] = [];
    const parts = { id, bus, store, disk, storage, membership, faults };
    return { ...parts, antiEntropy: this.begin(parts) };
  }

  begin({ bus, store, membership, faults }: Omit<TestNode, 'antiEntropy'>): AntiEntropy {
    return createAntiEntropy({
      bus,
      store,
      membership,
      clock: this.clock,
      random: seededRandom(9),
      limits: this.#limits,
      onFault: (fault, where) => faults.push(`${where}: ${(fault as { code?: string }).code ?? fault.stack}`),
    });
  }

  node(id: string): TestNode {
    return this.nodes.find((node) => node.id === id)!;
  }

  async close(): Promise<void> {
    for (const { antiEntropy, storage, bus } of this.nodes) {
      antiEntropy.close();
      await storage.close();
      await bus.close();
    }
  }
}
