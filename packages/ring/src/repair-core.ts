import { type Slots, vacant } from './slots-core.ts';

/** Whole-slot bounds of every node's load. */
export interface Bounds {
  readonly lo: readonly number[];
  readonly hi: readonly number[];
}

/**
 * What keeps the table from being within bounds: surplus (vacancies, loads above `hi`) and lack (loads below `lo`). Their difference is
 * what nodes within their bounds take or give.
 */
export function imbalance(slots: Slots, bounds: Bounds): { surplus: number; lack: number } {
  let surplus = 0;
  let lack = 0;
  for (const owner of slots.rows) if (owner === vacant) surplus++;
  for (let node = 0; node < slots.nodes; node++) {
    surplus += Math.max(0, slots.load[node]! - bounds.hi[node]!);
    lack += Math.max(0, bounds.lo[node]! - slots.load[node]!);
  }
  return { surplus, lack };
}

const unreached = 1 << 29;

/**
 * One shortest-path search over the residual network of the placement seen as a minimum-cost flow.
 *
 * Vertices: each node, each partition, each (partition, zone), and the hub, which stands for all slack within the bounds. What travels is
 * one surplus replica: a partition looks for a zone with room, the zone for a node of its own without a replica (cost 1, or 0 for a
 * node that had it in the previous ring), a node with one replica too many puts one of its replicas back to be held by another (cost -1
 * when that replica was itself a move, else 0), or keeps it when its bounds allow (the hub). Successive shortest paths from a minimum
 * stay a minimum (Ahuja, Magnanti, Orlin: Network Flows, 9.7), so no search meets a negative cycle.
 */
export class Repair {
  readonly #slots: Slots;
  readonly #bounds: Bounds;
  readonly #distance: Int32Array;
  readonly #previous: Int32Array;
  readonly #queue: Int32Array;
  readonly #queued: Uint8Array;
  readonly #nodesOfZone: readonly (readonly number[])[];
  readonly #partitionBase: number;
  readonly #zoneBase: number;
  readonly #hub: number;
  #head = 0;
  #tail = 0;

  constructor(slots: Slots, bounds: Bounds) {
    const { nodes, partitions, feasible } = slots;
    this.#slots = slots;
    this.#bounds = bounds;
    this.#partitionBase = nodes;
    this.#zoneBase = nodes + partitions;
    this.#hub = this.#zoneBase + partitions * feasible.zones;
    const vertices = this.#hub + 1;
    this.#distance = new Int32Array(vertices);
    this.#previous = new Int32Array(vertices);
    this.#queue = new Int32Array(vertices + 1);
    this.#queued = new Uint8Array(vertices);
    const nodesOfZone: number[][] = Array.from({ length: feasible.zones }, () => []);
    feasible.zoneOf.forEach((zone, node) => {
      nodesOfZone[zone]!.push(node);
    });
    this.#nodesOfZone = nodesOfZone;
  }

  /** Repairs along cheapest paths until the table is within bounds, or the cheapest path would cost more than `maxCost` moves. */
  run(maxCost: number): void {
    for (;;) {
      const { surplus, lack } = imbalance(this.#slots, this.#bounds);
      if (surplus === 0 && lack === 0) return;
      this.#search(lack > surplus);
      const end = this.#nearestEnd(surplus > lack);
      if (end === -1 || this.#distance[end]! > maxCost) return;
      this.#shift(end);
    }
  }

  #search(hubGives: boolean): void {
    const slots = this.#slots;
    this.#distance.fill(unreached);
    this.#previous.fill(-1);
    this.#head = 0;
    this.#tail = 0;
    if (hubGives) this.#relax(this.#hub, 0, -1);
    for (let node = 0; node < slots.nodes; node++) {
      if (slots.load[node]! > this.#bounds.hi[node]!) this.#relax(node, 0, -1);
    }
    for (let partition = 0; partition < slots.partitions; partition++) {
      if (slots.vacancy(partition) !== -1) this.#relax(this.#partitionBase + partition, 0, -1);
    }
    while (this.#head !== this.#tail) {
      const vertex = this.#queue[this.#head]!;
      this.#head = (this.#head + 1) % this.#queue.length;
      this.#queued[vertex] = 0;
      this.#expand(vertex, this.#distance[vertex]!);
    }
  }

  #relax(vertex: number, distance: number, from: number): void {
    if (distance >= this.#distance[vertex]!) return;
    this.#distance[vertex] = distance;
    this.#previous[vertex] = from;
    if (this.#queued[vertex] === 1) return;
    this.#queued[vertex] = 1;
    this.#queue[this.#tail] = vertex;
    this.#tail = (this.#tail + 1) % this.#queue.length;
  }

  #expand(vertex: number, distance: number): void {
    if (vertex === this.#hub) this.#expandHub(distance);
    else if (vertex >= this.#zoneBase) this.#expandZone(vertex, distance);
    else if (vertex >= this.#partitionBase) this.#expandPartition(vertex, distance);
    else this.#expandNode(vertex, distance);
  }

  #expandHub(distance: number): void {
    for (let node = 0; node < this.#slots.nodes; node++) {
      if (this.#slots.load[node]! > this.#bounds.lo[node]!) this.#relax(node, distance, this.#hub);
    }
  }

  #expandPartition(vertex: number, distance: number): void {
    const partition = vertex - this.#partitionBase;
    const zones = this.#slots.feasible.zones;
    for (let zone = 0; zone < zones; zone++) {
      if (this.#slots.hasZoneRoom(partition, zone))
        this.#relax(this.#zoneBase + partition * zones + zone, distance, vertex);
    }
  }

  #expandZone(vertex: number, distance: number): void {
    const zones = this.#slots.feasible.zones;
    const partition = Math.floor((vertex - this.#zoneBase) / zones);
    const zone = (vertex - this.#zoneBase) % zones;
    for (const node of this.#nodesOfZone[zone]!) {
      if (this.#slots.holds(partition, node)) continue;
      this.#relax(node, distance + (this.#slots.isOriginal(partition, node) ? 0 : 1), vertex);
    }
    if (this.#slots.zoneCount(partition, zone) > 0) this.#relax(this.#partitionBase + partition, distance, vertex);
  }

  #expandNode(node: number, distance: number): void {
    const slots = this.#slots;
    if (slots.load[node]! < this.#bounds.hi[node]!) this.#relax(this.#hub, distance, node);
    const { zones, zoneOf } = slots.feasible;
    for (let partition = 0; partition < slots.partitions; partition++) {
      if (!slots.holds(partition, node)) continue;
      const cost = slots.isOriginal(partition, node) ? 0 : -1;
      this.#relax(this.#zoneBase + partition * zones + zoneOf[node]!, distance + cost, node);
    }
  }

  #nearestEnd(hubTakes: boolean): number {
    let best = hubTakes && this.#distance[this.#hub]! < unreached ? this.#hub : -1;
    for (let node = 0; node < this.#slots.nodes; node++) {
      if (this.#slots.load[node]! >= this.#bounds.lo[node]! || this.#distance[node]! >= unreached) continue;
      if (best === -1 || this.#distance[node]! < this.#distance[best]!) best = node;
    }
    return best;
  }

  /** Carries one replica along the path found: first all that leave, then all that come, so that each row keeps a vacancy for them. */
  #shift(end: number): void {
    const slots = this.#slots;
    const arrivals: { partition: number; node: number }[] = [];
    const zones = slots.feasible.zones;
    const partitionAt = (zoneVertex: number) => Math.floor((zoneVertex - this.#zoneBase) / zones);
    const isZone = (vertex: number) => vertex >= this.#zoneBase && vertex < this.#hub;
    for (let to = end, from = this.#previous[end]!; from !== -1; to = from, from = this.#previous[from]!) {
      if (isZone(from) && to < slots.nodes) arrivals.push({ partition: partitionAt(from), node: to });
      if (from < slots.nodes && isZone(to)) slots.take(partitionAt(to), slots.replicaOf(partitionAt(to), from));
    }
    for (const { partition, node } of arrivals) slots.put(partition, slots.vacancy(partition), node);
  }
}
