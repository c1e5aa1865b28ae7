import type { Slots } from './slots-core.ts';

/** Whole-slot bounds of every node's load. */
export interface Bounds {
  readonly lo: readonly number[];
  readonly hi: readonly number[];
}

/** Told of an arc to `vertex`; answers true to end the enumeration. */
export type Visit = (vertex: number, cost: number) => boolean;

/**
 * The residual network of a placement seen as a minimum-cost flow; it reads the table as it is now and stores nothing.
 *
 * Vertices: each node, each partition, each (partition, zone), and the hub, which stands for all slack within the bounds. What travels is
 * one surplus replica: a partition looks for a zone with room, the zone for a node of its own without a replica (cost 1, or 0 for a
 * node that had it in the previous ring), a node with one replica too many gives one of its replicas to be held by another (cost -1
 * when that replica was itself a move, else 0), or keeps it when its bounds allow (the hub).
 */
export class Residual {
  readonly slots: Slots;
  readonly bounds: Bounds;
  readonly hub: number;
  readonly #nodesOfZone: readonly (readonly number[])[];
  readonly #zoneBase: number;

  constructor(slots: Slots, bounds: Bounds) {
    const { nodes, partitions, feasible } = slots;
    this.slots = slots;
    this.bounds = bounds;
    this.#zoneBase = nodes + partitions;
    this.hub = this.#zoneBase + partitions * feasible.zones;
    const nodesOfZone: number[][] = Array.from({ length: feasible.zones }, () => []);
    feasible.zoneOf.forEach((zone, node) => {
      nodesOfZone[zone]!.push(node);
    });
    this.#nodesOfZone = nodesOfZone;
  }

  isNode(vertex: number): boolean {
    return vertex < this.slots.nodes;
  }

  partitionVertex(partition: number): number {
    return this.slots.nodes + partition;
  }

  /** The partition of a (partition, zone) vertex, or -1 for any other. */
  partitionOfZone(vertex: number): number {
    if (vertex < this.#zoneBase || vertex >= this.hub) return -1;
    return Math.floor((vertex - this.#zoneBase) / this.slots.feasible.zones);
  }

  /** Visits the arcs that leave the vertex, until one visit answers true; answers whether one did. */
  arcs(vertex: number, visit: Visit): boolean {
    if (vertex === this.hub) return this.#arcsOfHub(visit);
    if (vertex >= this.#zoneBase) return this.#arcsOfZone(vertex, visit);
    if (vertex >= this.slots.nodes) return this.#arcsOfPartition(vertex - this.slots.nodes, visit);
    return this.#arcsOfNode(vertex, visit);
  }

  #arcsOfHub(visit: Visit): boolean {
    for (let node = 0; node < this.slots.nodes; node++) {
      if (this.slots.load[node]! > this.bounds.lo[node]! && visit(node, 0)) return true;
    }
    return false;
  }

  #arcsOfPartition(partition: number, visit: Visit): boolean {
    const { zones } = this.slots.feasible;
    for (let zone = 0; zone < zones; zone++) {
      if (this.slots.hasZoneRoom(partition, zone) && visit(this.#zoneBase + partition * zones + zone, 0)) return true;
    }
    return false;
  }

  #arcsOfZone(vertex: number, visit: Visit): boolean {
    const { slots } = this;
    const partition = this.partitionOfZone(vertex);
    const zone = (vertex - this.#zoneBase) % slots.feasible.zones;
    for (const node of this.#nodesOfZone[zone]!) {
      if (slots.holds(partition, node)) continue;
      if (visit(node, slots.isOriginal(partition, node) ? 0 : 1)) return true;
    }
    return slots.zoneCount(partition, zone) > 0 && visit(slots.nodes + partition, 0);
  }

  #arcsOfNode(node: number, visit: Visit): boolean {
    const { slots } = this;
    if (slots.load[node]! < this.bounds.hi[node]! && visit(this.hub, 0)) return true;
    const { zones, zoneOf } = slots.feasible;
    const base = this.#zoneBase + zoneOf[node]!;
    for (let partition = 0; partition < slots.partitions; partition++) {
      if (!slots.holds(partition, node)) continue;
      if (visit(base + partition * zones, slots.isOriginal(partition, node) ? 0 : -1)) return true;
    }
    return false;
  }
}
