import { type Bus, type Clock, type MemoryNetwork, memoryBus, memoryNetwork } from '@ringfort/bus';
import {
  createMembership,
  type HistoryLog,
  type LogEntry,
  type Membership,
  type MembershipEvent,
  type MembershipOptions,
  memoryHistoryLog,
  type NodeInfo,
} from '../../src/index.ts';
import { ManualClock, seeded } from './manual-clock.ts';

export interface TestNode {
  readonly id: string;
  readonly membership: Membership;
  readonly bus: Bus;
  readonly log: HistoryLog;
  readonly logged: LogEntry[];
  readonly events: MembershipEvent[];
}

export interface StartOptions {
  readonly seeds?: readonly string[];
  readonly store?: string;
  readonly log?: HistoryLog;
  readonly partitions?: number;
  readonly zone?: string;
  readonly clock?: Clock;
  readonly info?: () => NodeInfo;
  readonly intervals?: MembershipOptions['intervals'];
  readonly refillable?: MembershipOptions['refillable'];
}

/** Nodes on one memory network and one manual clock. */
export class TestCluster {
  readonly clock = new ManualClock();
  readonly network: MemoryNetwork;
  readonly nodes = new Map<string, TestNode>();
  readonly #seed: number;
  #started = 0;

  constructor(seed = 1) {
    this.#seed = seed;
    this.network = memoryNetwork({ clock: this.clock, random: seeded(seed) });
  }

  async start(id: string, options: StartOptions = {}): Promise<TestNode> {
    const random = seeded(this.#seed * 1000 + this.#started++);
    const clock = options.clock ?? this.clock;
    const bus = memoryBus({ network: this.network, cluster: 'test', self: `node.${id}`, clock, random });
    const log = options.log ?? memoryHistoryLog();
    const logged: LogEntry[] = [];
    const events: MembershipEvent[] = [];
    const membership = await createMembership({
      bus,
      clock,
      random,
      log,
      self: {
        id,
        store: options.store ?? `store-of-${id}`,
        weight: 1,
        zone: options.zone ?? 'z',
        info: options.info ?? (() => ({ version: '0.1.0', hintsHeld: 0 })),
      },
      seeds: options.seeds ?? ['n1', 'n2', 'n3'],
      partitions: options.partitions ?? 32,
      intervals: options.intervals,
      refillable: options.refillable,
      logger: (entry) => logged.push(entry),
    });
    membership.on((event) => events.push(event));
    const node = { id, membership, bus, log, logged, events };
    this.nodes.set(id, node);
    return node;
  }

  /** As a process that is killed: it falls silent without a word, and what it had not stored is gone. */
  kill(id: string): HistoryLog {
    const { bus, log } = this.get(id);
    this.nodes.delete(id);
    // Not awaited: on the manual clock it ends as time passes. The membership is left as it is, cut off for ever.
    void bus.close();
    return log;
  }

  get(id: string): TestNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`${id} does not run`);
    return node;
  }

  membership(id: string): Membership {
    return this.get(id).membership;
  }

  states(): Record<string, string> {
    return Object.fromEntries([...this.nodes].map(([id, { membership }]) => [id, membership.state]));
  }

  versions(): string[] {
    return [...this.nodes.values()].map(({ membership }) => JSON.stringify(membership.ring.version));
  }

  /** Founds a cluster of these nodes and waits until all are members. */
  async found(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.start(id, { seeds: ids });
    await this.clock.pass(3000);
  }
}
