import { type Bounds, Residual } from './residual-core.ts';
import type { Slots } from './slots-core.ts';

/**
 * What keeps the table from being within bounds: surplus (vacancies, loads above `hi`) and lack (loads below `lo`). Their difference is
 * what nodes within their bounds take or give.
 */
export function imbalance(slots: Slots, bounds: Bounds): { surplus: number; lack: number } {
  let surplus = slots.vacancies;
  let lack = 0;
  for (let node = 0; node < slots.nodes; node++) {
    surplus += Math.max(0, slots.load[node]! - bounds.hi[node]!);
    lack += Math.max(0, bounds.lo[node]! - slots.load[node]!);
  }
  return { surplus, lack };
}

const unreached = 2 ** 30;

/** One move in the units of distances, which count moves first and arcs second: shortest paths are also short. */
const moveCost = 2 ** 17;

/**
 * Brings a table within bounds by successive shortest paths in its {@link Residual} network: a table of least cost stays one (Ahuja,
 * Magnanti, Orlin: Network Flows, 9.7), so no search meets a negative cycle. Each search serves all paths of its length (a blocking flow
 * over the arcs that lie on shortest paths, as in Dinic's algorithm).
 */
export class Repair {
  readonly #net: Residual;
  readonly #distance: Int32Array;
  readonly #queue: Int32Array;
  readonly #queued: Uint8Array;
  readonly #dead: Uint8Array;
  #head = 0;
  #tail = 0;

  constructor(slots: Slots, bounds: Bounds) {
    this.#net = new Residual(slots, bounds);
    const vertices = this.#net.hub + 1;
    this.#distance = new Int32Array(vertices);
    this.#queue = new Int32Array(vertices + 1);
    this.#queued = new Uint8Array(vertices);
    this.#dead = new Uint8Array(vertices);
  }

  /**
   * Repairs along the cheapest paths until the table is within bounds, or the cheapest path left would cost more than `maxCost` moves.
   * Ends: every round but the last carries at least one replica, so there are at most as many as the surplus and the lack.
   */
  run(maxCost: number): void {
    const { slots, bounds } = this.#net;
    for (let first = imbalance(slots, bounds); first.surplus > 0 || first.lack > 0; first = imbalance(slots, bounds)) {
      this.#search(first.lack > first.surplus);
      const cost = this.#cheapestEnd(first.surplus > first.lack);
      if (cost === undefined || cost > maxCost) return;
      const before = first.surplus + first.lack;
      this.#carryAll(cost);
      const { surplus, lack } = imbalance(slots, bounds);
      if (surplus + lack >= before) throw new Error('placement: a round of repair carried nothing');
    }
  }

  #search(hubGives: boolean): void {
    this.#distance.fill(unreached);
    this.#head = 0;
    this.#tail = 0;
    for (const source of this.#sources(hubGives)) this.#relax(source, 0);
    while (this.#head !== this.#tail) {
      const vertex = this.#queue[this.#head]!;
      this.#head = (this.#head + 1) % this.#queue.length;
      this.#queued[vertex] = 0;
      const distance = this.#distance[vertex]! + 1;
      this.#net.arcs(vertex, (next, cost) => this.#relax(next, distance + cost * moveCost));
    }
  }

  #sources(hubGives: boolean): number[] {
    const { slots, bounds, hub } = this.#net;
    const sources = hubGives ? [hub] : [];
    for (let node = 0; node < slots.nodes; node++) {
      if (slots.load[node]! > bounds.hi[node]!) sources.push(node);
    }
    for (let partition = 0; partition < slots.partitions && slots.vacancies > 0; partition++) {
      if (slots.vacancy(partition) !== -1) sources.push(this.#net.partitionVertex(partition));
    }
    return sources;
  }

  #relax(vertex: number, distance: number): false {
    if (distance >= this.#distance[vertex]!) return false;
    if (distance < -unreached) throw new Error('placement: the table was not of least cost before its repair');
    this.#distance[vertex] = distance;
    if (this.#queued[vertex] === 0) {
      this.#queued[vertex] = 1;
      this.#queue[this.#tail] = vertex;
      this.#tail = (this.#tail + 1) % this.#queue.length;
    }
    return false;
  }

  /** Moves that the vertex's shortest path costs: distances are moves x moveCost + arcs, and no path has that many arcs. */
  #movesTo(vertex: number): number {
    return Math.floor(this.#distance[vertex]! / moveCost);
  }

  #isEnd(vertex: number, hubTakes: boolean): boolean {
    if (vertex === this.#net.hub) return hubTakes;
    return this.#net.isNode(vertex) && this.#net.slots.load[vertex]! < this.#net.bounds.lo[vertex]!;
  }

  #cheapestEnd(hubTakes: boolean): number | undefined {
    let cheapest = hubTakes ? this.#distance[this.#net.hub]! : unreached;
    for (let node = 0; node < this.#net.slots.nodes; node++) {
      if (this.#isEnd(node, false)) cheapest = Math.min(cheapest, this.#distance[node]!);
    }
    return cheapest === unreached ? undefined : Math.floor(cheapest / moveCost);
  }

  /** Carries replicas along paths of this cost until none is found by the distances of the last search. */
  #carryAll(cost: number): void {
    const { slots, bounds } = this.#net;
    this.#dead.fill(0);
    let { surplus, lack } = imbalance(slots, bounds);
    for (const source of this.#sources(lack > surplus)) {
      while (this.#distance[source] === 0 && this.#isSource(source, lack > surplus)) {
        const path = this.#pathFrom(source, cost, surplus > lack);
        if (path === undefined) break;
        this.#carry(path);
        ({ surplus, lack } = imbalance(slots, bounds));
      }
    }
  }

  #isSource(vertex: number, hubGives: boolean): boolean {
    const { slots, bounds, hub } = this.#net;
    if (vertex === hub) return hubGives;
    if (this.#net.isNode(vertex)) return slots.load[vertex]! > bounds.hi[vertex]!;
    return slots.vacancy(vertex - slots.nodes) !== -1;
  }

  /** A path to an end over arcs that lie on shortest paths, its end first; vertices that lead nowhere are not tried again. */
  #pathFrom(vertex: number, cost: number, hubTakes: boolean): number[] | undefined {
    if (this.#isEnd(vertex, hubTakes) && this.#movesTo(vertex) === cost) return [vertex];
    const distance = this.#distance[vertex]! + 1;
    let path: number[] | undefined;
    this.#net.arcs(vertex, (next, moves) => {
      if (this.#dead[next] === 1 || this.#distance[next] !== distance + moves * moveCost) return false;
      path = this.#pathFrom(next, cost, hubTakes);
      return path !== undefined;
    });
    if (path === undefined) this.#dead[vertex] = 1;
    else path.push(vertex);
    return path;
  }

  /** Carries one replica along the path: first all that leave, then all that come, so that each row has a vacancy for them. */
  #carry(path: readonly number[]): void {
    const { slots } = this.#net;
    const arrivals: { partition: number; node: number }[] = [];
    for (let i = 0; i + 1 < path.length; i++) {
      const [to, from] = [path[i]!, path[i + 1]!];
      const arriving = this.#net.partitionOfZone(from);
      const leaving = this.#net.partitionOfZone(to);
      if (arriving !== -1 && this.#net.isNode(to)) arrivals.push({ partition: arriving, node: to });
      if (leaving !== -1 && this.#net.isNode(from)) slots.take(leaving, slots.replicaOf(leaving, from));
    }
    for (const { partition, node } of arrivals) slots.put(partition, slots.vacancy(partition), node);
  }
}
