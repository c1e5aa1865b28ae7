import type { MembershipRecord, RingNode } from '../src/index.ts';

/** Naive models and record makers for the tests; none of this uses the package's own code. */

export interface Sketch {
  readonly weight: number;
  readonly zone: number;
}

export function nodesOf(sketches: readonly Sketch[]): RingNode[] {
  const nodes = sketches.map(({ weight, zone }, index) => ({
    id: `n${index}`,
    store: `s${index}`,
    weight,
    zone: `z${zone}`,
  }));
  return sorted(nodes);
}

export function sorted(nodes: readonly RingNode[]): RingNode[] {
  return [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function founding(ids: readonly string[], partitions = 256): MembershipRecord[] {
  const founders = [...ids].sort();
  return founders.map((node) => ({
    kind: 'node.founded',
    lamport: 1,
    author: node,
    node,
    store: `store-${node}`,
    weight: 1,
    zone: 'here',
    founders,
    partitions,
  }));
}

export function adding(node: string, lamport: number, author = node): MembershipRecord {
  return { kind: 'node.added', lamport, author, node, store: `store-${node}`, weight: 1, zone: 'here' };
}

/** Bisection for the level at which a rising function of it reaches `goal`; the highest level when it never does. */
function levelFor(goal: number, total: (level: number) => number): number {
  let low = 0;
  let high = 1e7;
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (total(middle) < goal) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * Weighted fair shares by nested bisection: one water level for all zones that are not full, one of its own for each full zone; a node
 * takes level x weight, at most one replica of each partition.
 */
export function naiveShares(nodes: readonly RingNode[], partitions: number): number[] {
  const replicas = Math.min(3, nodes.length);
  const zones = [...new Set(nodes.map((node) => node.zone))];
  const zoneCap = partitions * Math.ceil(replicas / Math.min(zones.length, replicas));
  const take = (node: RingNode, level: number) => Math.min(partitions, level * node.weight);
  const inZone = (zone: string, level: number) =>
    nodes.filter((node) => node.zone === zone).reduce((sum, node) => sum + take(node, level), 0);
  const common = levelFor(partitions * replicas - 1e-9, (level) =>
    zones.reduce((sum, zone) => sum + Math.min(zoneCap, inZone(zone, level)), 0),
  );
  return nodes.map((node) => {
    const full = inZone(node.zone, common) > zoneCap;
    return take(node, full ? levelFor(zoneCap, (level) => inZone(node.zone, level)) : common);
  });
}

interface Arc {
  readonly to: number;
  capacity: number;
  readonly cost: number;
  readonly back: number;
}

/** Textbook successive shortest paths with Bellman-Ford: slow, obvious, and nothing of it shared with the package. */
class CostFlow {
  readonly arcs: Arc[][];

  constructor(vertices: number) {
    this.arcs = Array.from({ length: vertices }, () => []);
  }

  add(from: number, to: number, capacity: number, cost: number): void {
    this.arcs[from]!.push({ to, capacity, cost, back: this.arcs[to]!.length });
    this.arcs[to]!.push({ to: from, capacity: 0, cost: -cost, back: this.arcs[from]!.length - 1 });
  }

  /** The cost of the cheapest of the largest flows, and its size. */
  solve(source: number, sink: number): { flow: number; cost: number } {
    let flow = 0;
    let cost = 0;
    for (;;) {
      const distance = this.arcs.map(() => Number.POSITIVE_INFINITY);
      const via = new Map<number, { from: number; arc: Arc }>();
      distance[source] = 0;
      for (let changed = true; changed; ) {
        changed = false;
        this.arcs.forEach((out, from) => {
          for (const arc of out) {
            if (arc.capacity === 0 || distance[from]! + arc.cost >= distance[arc.to]!) continue;
            distance[arc.to] = distance[from]! + arc.cost;
            via.set(arc.to, { from, arc });
            changed = true;
          }
        });
      }
      if (distance[sink] === Number.POSITIVE_INFINITY) return { flow, cost };
      flow++;
      cost += distance[sink]!;
      for (let vertex = sink; vertex !== source; ) {
        const { from, arc } = via.get(vertex)!;
        arc.capacity--;
        this.arcs[vertex]![arc.back]!.capacity++;
        vertex = from;
      }
    }
  }
}

/** The least number of slots that must be given to nodes that did not own the partition before, by an independent solver. */
export function leastMoves(
  nodes: readonly RingNode[],
  partitions: number,
  before: readonly (readonly string[])[],
): number {
  const replicas = Math.min(3, nodes.length);
  const zones = [...new Set(nodes.map((node) => node.zone))];
  const perZone = Math.ceil(replicas / Math.min(zones.length, replicas));
  const penalty = 100_000;
  const zoneVertex = (partition: number, zone: number) => 2 + partitions + partition * zones.length + zone;
  const nodeVertex = (node: number) => 2 + partitions * (1 + zones.length) + node;
  const net = new CostFlow(nodeVertex(nodes.length));
  let required = 0;
  naiveShares(nodes, partitions).forEach((share, index) => {
    const lo = Math.max(0, Math.ceil(share - 1 - 1e-6));
    const hi = Math.min(partitions, Math.floor(share + 1 + 1e-6));
    net.add(nodeVertex(index), 1, lo, -penalty);
    net.add(nodeVertex(index), 1, hi - lo, 0);
    required += lo;
  });
  for (let partition = 0; partition < partitions; partition++) {
    net.add(0, 2 + partition, replicas, 0);
    for (const zone of zones.keys()) net.add(2 + partition, zoneVertex(partition, zone), perZone, 0);
    nodes.forEach((node, index) => {
      const held = before[partition]?.includes(node.id) === true;
      net.add(zoneVertex(partition, zones.indexOf(node.zone)), nodeVertex(index), 1, held ? 0 : 1);
    });
  }
  const { flow, cost } = net.solve(0, 1);
  if (flow !== partitions * replicas) throw new Error('the model finds no placement of all slots');
  return cost + penalty * required;
}
