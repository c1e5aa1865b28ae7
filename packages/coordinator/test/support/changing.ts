import {
  emptyHistory,
  extendHistory,
  type History,
  handOverRecord,
  type MembershipRecord,
  mayRecord,
  type SlotMove,
} from '@ringfort/ring';
import type { Moves, RecordId } from '@ringfort/storage';
import { seededRandom } from '@ringfort/testkit';
import { FixedMembership, history, type TestCluster, testCluster } from './cluster.ts';

/** A membership that knows a part of a history that changes, and exchanges records when it is asked to. */
export class ChangingMembership extends FixedMembership {
  readonly #world: ChangingCluster;
  known: History;
  syncs = 0;

  constructor(self: string, world: ChangingCluster, records: readonly MembershipRecord[]) {
    const known = extendHistory(emptyHistory, records);
    super(self, known.ring);
    this.known = known;
    this.#world = world;
  }

  get isMember(): boolean {
    return this.ring.node(this.self) !== undefined;
  }

  learn(records: readonly MembershipRecord[]): void {
    const known = extendHistory(this.known, records);
    if (known === this.known) return;
    this.known = known;
    this.setRing(known.ring);
    this.#world.cluster.node(this.self).isServing = this.isMember;
  }

  override async syncHistory(node: string): Promise<void> {
    this.syncs += 1;
    await this.#world.pass(1);
    this.#world.exchange(this.self, node);
  }
}

/** A hand-over as hand-over.md has it: names the next owner, copies, records; a miss before that makes it copy anew. */
class Driver implements Moves {
  forwards: { readonly move: SlotMove; copied: boolean } | undefined;

  forwardTo(partition: number): string | undefined {
    return this.forwards?.move.partition === partition ? this.forwards.move.to : undefined;
  }

  missed(_id: RecordId): boolean {
    if (this.forwards !== undefined) this.forwards.copied = false;
    return true;
  }
}

/** Nodes that each know any part of a history which changes while they serve. */
export class ChangingCluster {
  readonly drivers = new Map<string, Driver>();
  readonly memberships = new Map<string, ChangingMembership>();
  readonly stopped = new Set<string>();
  readonly records: MembershipRecord[];
  cluster!: TestCluster;
  #cut = new Set<string>();

  private constructor(records: MembershipRecord[]) {
    this.records = records;
  }

  /** n1..n<founders>, and others up to n<nodes> that may be added. */
  static async make(founders: number, nodes: number, seed = 1): Promise<ChangingCluster> {
    const ids = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
    const world = new ChangingCluster(history(ids.slice(0, founders), {}, 8));
    world.cluster = await testCluster({
      nodes,
      membershipOf: (id) => {
        const membership = new ChangingMembership(id, world, world.records);
        world.memberships.set(id, membership);
        return membership;
      },
      movesOf: (id) => {
        const driver = new Driver();
        world.drivers.set(id, driver);
        return driver;
      },
    });
    for (const node of world.cluster.nodes) node.isServing = world.member(node.id).isMember;
    const random = seededRandom(seed);
    world.cluster.network.setLink(() => [random.below(4)]);
    return world;
  }

  member(id: string): ChangingMembership {
    return this.memberships.get(id)!;
  }

  get whole() {
    return extendHistory(emptyHistory, this.records).ring;
  }

  /** Resolves when so much virtual time has passed. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.cluster.clock.setTimeout(resolve, ms));
  }

  /** Nobody exchanges records with the node any more. */
  keepApart(id: string): void {
    this.#cut.add(id);
  }

  exchange(a: string, b: string): void {
    if (this.#cut.has(a) || this.#cut.has(b)) return;
    const both = [...this.member(a).known.records, ...this.member(b).known.records];
    for (const id of [a, b]) if (!this.stopped.has(id)) this.member(id).learn(both);
  }

  author(by: string, make: (lamport: number) => MembershipRecord): void {
    const membership = this.member(by);
    const lamport = Math.max(...membership.known.records.map((record) => record.lamport)) + 1;
    const record = make(lamport);
    this.records.push(record);
    membership.learn([record]);
  }

  /** A node that may hand over something of the partition goes one step on: names the next owner and copies, or records. */
  async handOver(id: string, partition: number): Promise<void> {
    const driver = this.drivers.get(id)!;
    const move = this.member(id).ring.moves(partition)[0];
    if (move === undefined || !mayRecord(move, id) || this.stopped.has(id)) {
      driver.forwards = undefined;
      return;
    }
    const begun = driver.forwards;
    if (begun?.copied && isSame(begun.move, move)) {
      this.author(id, (lamport) => handOverRecord(move, id, lamport));
      driver.forwards = undefined;
      return;
    }
    const next = { move, copied: true };
    driver.forwards = next;
    if (!(await this.#copied(id, move))) next.copied = false;
  }

  /** All that the node holds, written at the next owner. */
  async #copied(id: string, { partition, to }: SlotMove): Promise<boolean> {
    const from = this.cluster.node(id).store;
    const { items } = from.fold({ partition }, { maxItems: 1000, maxBytes: 1_000_000 });
    if (to === undefined) return true;
    if (this.stopped.has(to)) return false;
    const { store } = this.cluster.node(to);
    await Promise.all(items.map(({ id, record }) => store.write(id, record!.bytes)));
    return true;
  }
}

function isSame(a: SlotMove, b: SlotMove): boolean {
  return a.replica === b.replica && a.turn === b.turn && a.to === b.to;
}
