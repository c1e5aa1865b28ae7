import { mix } from './hash-core.ts';
import type { Feasible } from './shares-core.ts';

export const vacant = 0xffff;

/** Owners by partition and replica: `owners[partition * replicas + replica]` is an index into the node list. Never changed once made. */
export interface OwnerTable {
  readonly replicas: number;
  readonly owners: Uint16Array;
}

/**
 * The working table of a placement: who holds which slot now, who held it in the previous ring (`original`), loads and zone counts.
 * It keeps two upper bounds at all times: a node at most once per partition, a zone at most `zoneLimit` times.
 */
export class Slots {
  readonly partitions: number;
  readonly nodes: number;
  readonly replicas: number;
  readonly feasible: Feasible;
  readonly rows: Uint16Array;
  readonly load: Int32Array;
  /** Slots of a node by replica: `columnLoad[node * replicas + replica]`. */
  readonly columnLoad: Int32Array;
  /** Slots that nobody holds. */
  vacancies: number;
  readonly seeds: readonly number[];
  readonly #held: Uint8Array;
  readonly #original: Uint8Array;
  readonly #zoneCount: Uint8Array;

  constructor(feasible: Feasible, partitions: number, seeds: readonly number[]) {
    this.feasible = feasible;
    this.partitions = partitions;
    this.seeds = seeds;
    this.nodes = seeds.length;
    this.replicas = feasible.replicas;
    this.rows = new Uint16Array(partitions * this.replicas).fill(vacant);
    this.vacancies = this.rows.length;
    this.load = new Int32Array(this.nodes);
    this.columnLoad = new Int32Array(this.nodes * this.replicas);
    this.#held = new Uint8Array(partitions * this.nodes);
    this.#original = new Uint8Array(partitions * this.nodes);
    this.#zoneCount = new Uint8Array(partitions * feasible.zones);
  }

  holds(partition: number, node: number): boolean {
    return this.#held[partition * this.nodes + node] === 1;
  }

  /** Whether the node held a replica of the partition in the previous ring: giving it one moves nothing. */
  isOriginal(partition: number, node: number): boolean {
    return this.#original[partition * this.nodes + node] === 1;
  }

  markOriginal(partition: number, node: number): void {
    this.#original[partition * this.nodes + node] = 1;
  }

  zoneCount(partition: number, zone: number): number {
    return this.#zoneCount[partition * this.feasible.zones + zone]!;
  }

  hasZoneRoom(partition: number, zone: number): boolean {
    return this.zoneCount(partition, zone) < this.feasible.zoneLimit;
  }

  /** The first vacant replica of the partition, or -1. */
  vacancy(partition: number): number {
    for (let replica = 0; replica < this.replicas; replica++) {
      if (this.rows[partition * this.replicas + replica] === vacant) return replica;
    }
    return -1;
  }

  /** The replica of the partition that the node holds, or -1. */
  replicaOf(partition: number, node: number): number {
    for (let replica = 0; replica < this.replicas; replica++) {
      if (this.rows[partition * this.replicas + replica] === node) return replica;
    }
    return -1;
  }

  put(partition: number, replica: number, node: number): void {
    this.rows[partition * this.replicas + replica] = node;
    this.#held[partition * this.nodes + node] = 1;
    this.#zoneCount[partition * this.feasible.zones + this.feasible.zoneOf[node]!]!++;
    this.load[node]!++;
    this.vacancies--;
    this.columnLoad[node * this.replicas + replica]!++;
  }

  /** Empties a slot and says who held it. */
  take(partition: number, replica: number): number {
    const node = this.rows[partition * this.replicas + replica]!;
    this.rows[partition * this.replicas + replica] = vacant;
    this.#held[partition * this.nodes + node] = 0;
    this.#zoneCount[partition * this.feasible.zones + this.feasible.zoneOf[node]!]!--;
    this.load[node]!--;
    this.vacancies++;
    this.columnLoad[node * this.replicas + replica]!--;
    return node;
  }

  /** How many slots more than it holds a node should hold. */
  need(node: number): number {
    return this.feasible.shares[node]! - this.load[node]!;
  }

  /** A tie-break for a node at a partition: depends on the node's id, not on its place in the list. */
  draw(partition: number, node: number): number {
    return mix(this.seeds[node]!, partition);
  }
}
