import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyHistory,
  extendHistory,
  foldHistory,
  type History,
  handOverRecord,
  type MembershipRecord,
  mayRecord,
  recordHash,
} from '../src/index.ts';
import { adding, founding } from './models.ts';

/**
 * The protocol of docs/protocols/hand-over.md on one partition: nodes that each know a part of the history, hand slots over by their own
 * view, and serve strict requests. Records reach the others one by one, in any order, late or never. Nodes that were declared dead may live
 * on, cut off from the news or not, and go on by what they know.
 */
const partition = 0;
const founders = ['a', 'b', 'c', 'd', 'e'];
const joiners = ['v', 'w', 'x', 'y', 'z'];
const quorum = 2;

interface Request {
  readonly write: number | undefined;
  readonly version: number;
  readonly owners: readonly string[];
  readonly answered: Set<string>;
  /** What had been acknowledged when the request began. */
  readonly due: ReadonlySet<number>;
  readonly seen: Set<number>;
}

class Node {
  history: History;
  readonly data = new Set<number>();

  constructor(records: readonly MembershipRecord[]) {
    this.history = extendHistory(emptyHistory, records);
  }

  get ring() {
    return this.history.ring;
  }

  learn(record: MembershipRecord): void {
    this.history = extendHistory(this.history, [record]);
  }
}

class World {
  readonly records: MembershipRecord[] = founding(founders, 8);
  readonly nodes = new Map<string, Node>([...founders, ...joiners].map((id) => [id, new Node(this.records)]));
  readonly acknowledged = new Set<number>();
  readonly requests: Request[] = [];
  readonly stopped = new Set<string>();
  writes = 0;
  succeeded = 0;

  get whole() {
    return foldHistory(this.records);
  }

  author(id: string, make: (lamport: number) => MembershipRecord): void {
    const node = this.nodes.get(id)!;
    const lamport = Math.max(...node.history.records.map((record) => record.lamport)) + 1;
    const record = make(lamport);
    this.records.push(record);
    node.learn(record);
  }

  /** One record to one node that lacks it. */
  gossip(id: string, draw: number): void {
    const node = this.nodes.get(id)!;
    const known = new Set(node.history.records.map(recordHash));
    const news = this.records.filter((record) => !known.has(recordHash(record)));
    if (news.length > 0) node.learn(news[draw % news.length]!);
  }

  /** What the node may do by its own view: the copy has been verified, so the successor holds what the recorder holds. */
  handOver(id: string): void {
    const node = this.nodes.get(id)!;
    const move = node.ring.moves(partition)[0];
    if (move === undefined || !mayRecord(move, id)) return;
    const successor = this.nodes.get(move.to ?? '');
    for (const write of node.data) successor?.data.add(write);
    this.author(id, (lamport) => handOverRecord(move, id, lamport));
  }

  /** Nodes that may hand over, or record a succession, by what they know. */
  ready(): string[] {
    return [...this.nodes].flatMap(([id, { ring }]) => {
      const move = ring.moves(partition)[0];
      return move !== undefined && !this.stopped.has(id) && mayRecord(move, id) ? [id] : [];
    });
  }

  /** One death at a time: a second one within a partition is beyond what a quorum of two of three survives. */
  removeDead(id: string, by: string, stops: boolean): void {
    const { whole } = this;
    if (whole.owners(partition).length < 3 || whole.nodes.length <= 4) return;
    if (whole.node(id) === undefined || id === by || whole.node(by) === undefined) return;
    if (stops) this.stopped.add(id);
    this.author(by, (lamport) => ({ kind: 'node.removed', lamport, author: by, node: id }));
  }

  begin(id: string, isWrite: boolean): void {
    const { ring } = this.nodes.get(id)!;
    this.requests.push({
      write: isWrite ? this.writes++ : undefined,
      version: ring.slotVersion(partition),
      owners: ring.owners(partition),
      answered: new Set(),
      due: new Set(this.acknowledged),
      seen: new Set(),
    });
  }

  /** One owner gets the request, and serves it if it is an owner by its own view and that view is the coordinator's. */
  deliver(request: Request, draw: number): void {
    const id = request.owners[draw % request.owners.length];
    const node = this.nodes.get(id ?? '');
    if (id === undefined || node === undefined || this.stopped.has(id) || request.answered.size >= quorum) return;
    const { ring } = node;
    if (ring.slotVersion(partition) !== request.version || !ring.owners(partition).includes(id)) return;
    request.answered.add(id);
    for (const write of node.data) request.seen.add(write);
    if (request.write !== undefined) node.data.add(request.write);
    if (request.answered.size < quorum) return;
    this.succeeded++;
    if (request.write !== undefined) this.acknowledged.add(request.write);
    else for (const write of request.due) expect(request.seen, `write ${write} is seen`).toContain(write);
  }
}

const step = fc.record({
  what: fc.constantFrom(
    'gossip',
    'gossip',
    'gossip',
    'hand',
    'hand',
    'write',
    'read',
    'serve',
    'serve',
    'serve',
    'change',
  ),
  node: fc.integer({ min: 0, max: 9 }),
  draw: fc.nat(1_000_000),
});

function oneOf<T>(list: readonly T[], draw: number): T | undefined {
  return list[draw % list.length];
}

function act(world: World, { what, node, draw }: { what: string; node: number; draw: number }): void {
  const id = [...world.nodes.keys()][node]!;
  if (world.stopped.has(id)) return;
  if (what === 'gossip') world.gossip(id, draw);
  else if (what === 'hand') world.handOver(oneOf(world.ready(), draw) ?? id);
  else if (what === 'write' || what === 'read') world.begin(id, what === 'write');
  else if (what === 'serve') {
    const open = world.requests.filter(({ answered }) => answered.size < quorum);
    if (open.length > 0) world.deliver(open[draw % open.length]!, draw >>> 4);
  } else change(world, id, draw);
}

function change(world: World, by: string, draw: number): void {
  const kind = (draw >>> 5) % 5;
  const anyone = [...world.nodes.keys()][draw % 10]!;
  // Mostly somebody whose going moves the partition.
  const other = kind > 0 && draw % 4 > 0 ? (oneOf(world.whole.owners(partition), draw >>> 2) ?? anyone) : anyone;
  const { ring } = world.nodes.get(by)!;
  if (ring.node(by) === undefined) return;
  if (kind === 0) world.author(by, (lamport) => adding(other, lamport, by));
  else if (kind === 1 && ring.nodes.filter((node) => !node.leaving).length > 4) {
    world.author(by, (lamport) => ({ kind: 'node.leaving', lamport, author: by, node: other }));
  } else if (kind === 2) world.author(by, (lamport) => ({ kind: 'node.staying', lamport, author: by, node: other }));
  else world.removeDead(other, by, draw % 3 === 0);
}

describe('strict quorums', () => {
  it('intersect at every step, whoever knows what', () => {
    const tally = { succeeded: 0, handedOver: 0, successions: 0 };
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 240, size: 'max' }), (steps) => {
        const world = new World();
        for (const one of steps) act(world, one);
        tally.succeeded += world.succeeded;
        const handed = world.records.filter((record) => record.kind === 'slot.handedOver');
        tally.handedOver += handed.length;
        tally.successions += handed.filter((record) => 'witnesses' in record).length;
      }),
      { numRuns: 100, endOnFailure: true },
    );
    expect(tally.succeeded).toBeGreaterThan(100);
    expect(tally.successions).toBeGreaterThan(20);
  });
});
