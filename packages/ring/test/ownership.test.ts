import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareRecords,
  emptyHistory,
  extendHistory,
  foldHistory,
  handOverRecord,
  type MembershipRecord,
  mayRecord,
  planTransfers,
  type Ring,
} from '../src/index.ts';
import { adding, founding } from './models.ts';

const partitionsOf = (ring: Ring) => [...Array(ring.partitions).keys()];

/** A cluster that changes and hands over as told, all with one history. */
class Cluster {
  history;

  constructor(ids: readonly string[], partitions = 16) {
    this.history = extendHistory(emptyHistory, founding(ids, partitions));
  }

  get ring(): Ring {
    return this.history.ring;
  }

  get records(): readonly MembershipRecord[] {
    return this.history.records;
  }

  author(make: (lamport: number) => MembershipRecord): void {
    const lamport = Math.max(...this.records.map((record) => record.lamport)) + 1;
    this.history = extendHistory(this.history, [make(lamport)]);
  }

  add(node: string, zone = 'here', weight = 1): void {
    this.author((lamport) => ({ ...adding(node, lamport, 'a'), zone, weight }) as MembershipRecord);
  }

  change(kind: 'node.leaving' | 'node.staying' | 'node.removed' | 'node.left', node: string): void {
    this.author((lamport) => ({ kind, lamport, author: this.ring.nodes[0]!.id, node }));
  }

  /** One record about the first move of the partition. */
  step(partition: number): boolean {
    const move = this.ring.moves(partition)[0];
    const author = move?.recorders.find((node) => mayRecord(move, node));
    if (move === undefined || author === undefined) return false;
    this.author((lamport) => handOverRecord(move, author, lamport));
    return true;
  }

  /** Everything that is left, and how many slots changed hands in it. */
  settle(): number {
    for (const partition of partitionsOf(this.ring)) {
      let steps = 0;
      while (this.step(partition)) expect(++steps).toBeLessThan(20);
    }
    const slots = this.records.flatMap((record) =>
      record.kind === 'slot.handedOver' ? [`${record.partition} ${record.replica} ${record.turn}`] : [],
    );
    return new Set(slots).size;
  }
}

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const joiners = ['u', 'v', 'w'];
const zone = fc.constantFrom('here', 'there', 'elsewhere');
const change: fc.Arbitrary<(cluster: Cluster) => void> = fc.oneof(
  fc.tuple(fc.constantFrom(...joiners), zone, fc.integer({ min: 1, max: 3 })).map(
    ([node, where, weight]) =>
      (cluster: Cluster) =>
        cluster.add(node, where, weight),
  ),
  fc
    .tuple(
      fc.constantFrom('node.leaving' as const, 'node.staying' as const, 'node.removed' as const, 'node.left' as const),
      fc.constantFrom(...names, ...joiners),
    )
    .map(
      ([kind, node]) =>
        (cluster: Cluster) =>
          cluster.change(kind, node),
    ),
);
const progress = fc.integer({ min: 0, max: 15 }).map((partition) => (cluster: Cluster) => {
  cluster.step(partition);
});
const life = fc.array(fc.oneof({ weight: 1, arbitrary: change }, { weight: 4, arbitrary: progress }), {
  maxLength: 40,
});

function live(founders: number, acts: readonly ((cluster: Cluster) => void)[]): Cluster {
  const cluster = new Cluster(names.slice(0, founders));
  for (const act of acts) act(cluster);
  return cluster;
}

/** Who owns the partition, in an order that does not matter. */
const ownersAt = (ring: Ring, partition: number) => [...ring.owners(partition)].sort();

describe('owners', () => {
  it('are the targets, as few moves on as a plan says, once everything was handed over', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), life, (founders, acts) => {
        const cluster = live(founders, acts);
        const done = cluster.records.filter(({ kind }) => kind === 'slot.handedOver');
        const underWay = new Set(
          partitionsOf(cluster.ring).flatMap((partition) =>
            cluster.ring.moves(partition).filter(({ recorded }) => recorded.length > 0),
          ),
        );
        const before = new Set(
          done.flatMap((record) =>
            record.kind === 'slot.handedOver' ? [`${record.partition} ${record.replica} ${record.turn}`] : [],
          ),
        ).size;
        const least = planTransfers(cluster.ring, cluster.ring).transfers.length;
        const shrinks = partitionsOf(cluster.ring).some(
          (partition) => cluster.ring.owners(partition).length > cluster.ring.targets(partition).length,
        );
        const moved = cluster.settle() - before;
        for (const partition of partitionsOf(cluster.ring)) {
          expect(cluster.ring.moves(partition)).toEqual([]);
          expect(ownersAt(cluster.ring, partition)).toEqual([...cluster.ring.targets(partition)].sort());
          const owners = cluster.ring.owners(partition);
          expect(cluster.ring.preferenceList(partition).slice(0, owners.length)).toEqual(owners);
        }
        // A succession under way was begun before; a slot that goes down or is closed moves nothing to a new node.
        if (underWay.size === 0 && !shrinks && cluster.ring.nodes.length > 3) expect(moved).toBe(least);
      }),
      { numRuns: 60 },
    );
  });

  it('differ in one slot at most from one record to the next, and are distinct, whatever the order of arrival', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), life, fc.infiniteStream(fc.nat()), (founders, acts, draws) => {
        const { records, ring } = live(founders, acts);
        const sorted = [...records].sort(compareRecords);
        let history = emptyHistory;
        for (const record of sorted) {
          const before = history.ring;
          history = extendHistory(history, [record]);
          for (const partition of before.founded ? partitionsOf(before) : []) {
            const [was, is] = [before.owners(partition), history.ring.owners(partition)];
            expect(new Set(is).size).toBe(is.length);
            expect(was.filter((node) => !is.includes(node)).length).toBeLessThanOrEqual(1);
            expect(is.filter((node) => !was.includes(node)).length).toBeLessThanOrEqual(1);
            const same = before.slotVersion(partition) === history.ring.slotVersion(partition);
            if (same) expect(is).toEqual(was);
          }
        }
        const shuffled = sorted
          .map((record) => ({ record, draw: draws.next().value }))
          .sort((one, other) => one.draw - other.draw)
          .map(({ record }) => record);
        let grown = emptyHistory;
        for (const record of shuffled) grown = extendHistory(grown, [record]);
        for (const partition of partitionsOf(ring)) {
          expect(grown.ring.owners(partition)).toEqual(ring.owners(partition));
          expect(grown.ring.moves(partition)).toEqual(ring.moves(partition));
          expect(grown.ring.slotVersion(partition)).toBe(ring.slotVersion(partition));
          expect(grown.ring.preferenceList(partition)).toEqual(ring.preferenceList(partition));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('stay as they are when a node is added or is to leave, until it is handed over to', () => {
    const cluster = new Cluster(['a', 'b', 'c', 'd']);
    const before = partitionsOf(cluster.ring).map((partition) => cluster.ring.owners(partition));
    cluster.add('u');
    cluster.change('node.leaving', 'b');
    expect(partitionsOf(cluster.ring).map((partition) => cluster.ring.owners(partition))).toEqual(before);
    expect(cluster.ring.node('b')!.leaving).toBe(true);
    cluster.change('node.left', 'b');
    expect(cluster.ring.node('b')).toBeDefined();
    cluster.settle();
    expect(cluster.ring.partitionsOf('b')).toEqual([]);
    cluster.change('node.left', 'b');
    expect(cluster.ring.node('b')).toBeUndefined();
  });

  it('are left alone by a join that is taken back before anything moved', () => {
    const cluster = new Cluster(['a', 'b', 'c', 'd']);
    const targets = partitionsOf(cluster.ring).map((partition) => cluster.ring.targets(partition));
    cluster.add('u');
    expect(partitionsOf(cluster.ring).some((partition) => cluster.ring.moves(partition).length > 0)).toBe(true);
    cluster.change('node.leaving', 'u');
    expect(partitionsOf(cluster.ring).map((partition) => cluster.ring.targets(partition))).toEqual(targets);
    expect(partitionsOf(cluster.ring).flatMap((partition) => cluster.ring.moves(partition))).toEqual([]);
  });

  it('become fewer and more with the nodes, one slot at a time', () => {
    const cluster = new Cluster(['a']);
    for (const node of ['u', 'v', 'w']) cluster.add(node);
    cluster.settle();
    expect(partitionsOf(cluster.ring).every((partition) => cluster.ring.owners(partition).length === 3)).toBe(true);
    for (const node of ['u', 'v']) {
      cluster.change('node.leaving', node);
      cluster.settle();
      cluster.change('node.left', node);
    }
    for (const partition of partitionsOf(cluster.ring)) {
      expect(ownersAt(cluster.ring, partition)).toEqual(['a', 'w']);
      expect(cluster.ring.preferenceList(partition)).toEqual(cluster.ring.owners(partition));
    }
  });
});

describe('a succession', () => {
  /** A partition of four nodes, the owners of its slots and the node that owns none. */
  function lost() {
    const cluster = new Cluster(['a', 'b', 'c', 'd']);
    const [first, second, third] = cluster.ring.owners(0) as [string, string, string];
    const spare = cluster.ring.nodes.map(({ id }) => id).find((id) => !cluster.ring.owners(0).includes(id))!;
    return { cluster, first, second, third, spare };
  }
  const removed = (node: string, author: string, lamport: number): MembershipRecord => ({
    kind: 'node.removed',
    lamport,
    author,
    node,
  });
  const own = (from: string, to: string, lamport: number): MembershipRecord => ({
    kind: 'slot.handedOver',
    lamport,
    author: from,
    partition: 0,
    replica: 0,
    turn: 0,
    from,
    to,
  });
  const claim = (author: string, from: string, to: string, witnesses: string[], lamport: number) =>
    ({ ...own(from, to, lamport), author, witnesses }) as MembershipRecord;

  it('counts when all other owners have recorded it; until then the slot is vacant, its heir first to be written to', () => {
    const { cluster, first, second, third, spare } = lost();
    const history = [...cluster.records, removed(first, second, 2)];
    const ring = foldHistory(history);
    expect(ring.owners(0)).toEqual([second, third]);
    expect(ring.preferenceList(0)).toEqual([spare, second, third]);
    const [move] = ring.moves(0);
    expect(move).toMatchObject({ from: first, to: spare, vacant: true, recorders: [second, third], recorded: [] });
    expect([mayRecord(move!, second), mayRecord(move!, third), mayRecord(move!, first)]).toEqual([true, false, false]);
    history.push(handOverRecord(move!, second, 3));
    const half = foldHistory(history);
    expect(half.owners(0)).toEqual([second, third]);
    expect(half.moves(0)[0]).toMatchObject({ to: spare, recorded: [second] });
    history.push(handOverRecord(half.moves(0)[0]!, third, 4));
    expect(foldHistory(history).owners(0)).toEqual([spare, second, third]);
    expect(half.slotVersion(0)).toBe(ring.slotVersion(0));
    expect(foldHistory(history).slotVersion(0)).toBeGreaterThan(half.slotVersion(0));
  });

  it('fences off what the former owner did unheard, from its first record on', () => {
    const { cluster, first, second, third, spare } = lost();
    const base = [...cluster.records, ...[adding('u', 2, second)]];
    const unheard = own(first, 'u', 3);
    const heard = [...base, removed(first, second, 3)];
    expect(foldHistory([...heard, unheard]).owners(0)).toEqual(['u', second, third]);
    const claimed = claim(second, first, spare, [second, third], 4);
    const disputed = foldHistory([...heard, unheard, claimed]);
    expect(disputed.owners(0)).toEqual([second, third]);
    expect(disputed.moves(0)[0]).toMatchObject({ turn: 0, from: first, to: spare, recorded: [second] });
    const complete = [...heard, claimed, claim(third, first, spare, [second, third], 5)];
    expect(foldHistory(complete).owners(0)).toEqual([spare, second, third]);
    expect(foldHistory([...complete, unheard]).owners(0)).toEqual([spare, second, third]);
  });

  it('has one successor: a witness cannot name another for the same turn', () => {
    const { cluster, first, second, third, spare } = lost();
    const base = [...cluster.records, adding('u', 2, second), removed(first, second, 3)];
    const named = [...base, claim(second, first, spare, [second, third], 4), claim(third, first, 'u', [third], 5)];
    // The third heard nothing of the second's record, and took it for dead.
    expect(foldHistory(named).owners(0)).toEqual(['u', second, third]);
    const twice = [...base, claim(second, first, spare, [second, third], 4), claim(second, first, 'u', [second], 5)];
    expect(foldHistory(twice).owners(0)).toEqual([second, third]);
    expect(foldHistory(twice).moves(0)[0]!.to).toBe(spare);
  });

  it('goes on with those that are left when a witness is declared dead, too', () => {
    const { cluster, first, second, third, spare } = lost();
    const history = [...cluster.records, removed(first, second, 2), claim(second, first, spare, [second, third], 3)];
    history.push(adding('u', 4, third), removed(second, third, 5));
    const ring = foldHistory(history);
    expect(ring.owners(0)).toEqual([third]);
    expect(ring.moves(0)[0]).toMatchObject({ replica: 0, to: spare, recorders: [third] });
    history.push(handOverRecord(ring.moves(0)[0]!, third, 6));
    expect(foldHistory(history).owners(0)).toEqual([spare, third]);
    expect(foldHistory(history).moves(0)[0]).toMatchObject({ replica: 1, recorders: [spare, third] });
  });

  it('is begun by the successors themselves when nobody is left', () => {
    const cluster = new Cluster(['a', 'b', 'c', 'd', 'e', 'f']);
    const dead = cluster.ring.owners(0);
    const alive = cluster.ring.nodes.map(({ id }) => id).filter((id) => !dead.includes(id));
    const history = [...cluster.records, ...dead.map((node, at) => removed(node, alive[0]!, 2 + at))];
    const ring = foldHistory(history);
    expect(ring.owners(0)).toEqual([]);
    const [move] = ring.moves(0);
    expect(move!.recorders).toEqual([move!.to]);
    expect(ring.preferenceList(0).slice(0, 3).sort()).toEqual(alive);
  });
});
