import { type BucketSettings, defaultBucketSettings, type RingVersion } from './contract.ts';
import { PartitionOutOfRangeError } from './errors.ts';
import type { Ring, RingNode } from './port.ts';
import { preferenceOrder } from './preference-core.ts';
import { type OwnerTable, vacant } from './slots-core.ts';

/** Q of a ring that is not founded yet. */
export const defaultPartitions = 256;

const none: readonly never[] = Object.freeze([]);

export interface NamedBucket {
  readonly name: string;
  readonly settings: BucketSettings;
}

export interface RingParts {
  readonly version: RingVersion;
  readonly founded: boolean;
  readonly partitions: number;
  /** Sorted by id. */
  readonly nodes: readonly RingNode[];
  readonly table: OwnerTable;
  /** Sorted by name. */
  readonly buckets: readonly NamedBucket[];
}

/**
 * The ring as a value. Preference lists are made at the first lookup of their partition and shared from then on, frozen; all else is made
 * in the constructor. Two rings of equal histories are deeply equal.
 */
export class FoldedRing implements Ring {
  readonly version: RingVersion;
  readonly founded: boolean;
  readonly partitions: number;
  readonly nodes: readonly RingNode[];
  readonly buckets: readonly NamedBucket[];
  readonly owned: ReadonlyMap<string, readonly number[]>;
  readonly #table: OwnerTable;
  readonly #lists: (readonly string[] | undefined)[];
  readonly #nodeById: ReadonlyMap<string, RingNode>;
  readonly #bucketByName: ReadonlyMap<string, BucketSettings>;

  constructor(parts: RingParts) {
    this.version = parts.version;
    this.founded = parts.founded;
    this.partitions = parts.partitions;
    this.nodes = parts.nodes;
    this.buckets = parts.buckets;
    this.owned = ownedBy(parts.nodes, parts.table);
    this.#table = parts.table;
    this.#lists = new Array(parts.founded ? parts.partitions : 0).fill(undefined);
    this.#nodeById = new Map(parts.nodes.map((node) => [node.id, node]));
    this.#bucketByName = new Map(parts.buckets.map(({ name, settings }) => [name, settings]));
    Object.freeze(this);
  }

  node(id: string): RingNode | undefined {
    return this.#nodeById.get(id);
  }

  bucket(name: string): BucketSettings {
    return this.#bucketByName.get(name) ?? defaultBucketSettings;
  }

  preferenceList(partition: number): readonly string[] {
    return this.#lists[partition] ?? this.#makeList(partition);
  }

  partitionsOf(node: string): readonly number[] {
    return this.owned.get(node) ?? none;
  }

  #makeList(partition: number): readonly string[] {
    if (!this.founded) return none;
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.partitions) {
      throw new PartitionOutOfRangeError(partition, this.partitions);
    }
    const order = preferenceOrder(this.nodes, this.#table, partition);
    const list = Object.freeze(order.map((index) => this.nodes[index]!.id));
    this.#lists[partition] = list;
    return list;
  }
}

function ownedBy(nodes: readonly RingNode[], table: OwnerTable): ReadonlyMap<string, readonly number[]> {
  const owned = new Map<string, number[]>(nodes.map((node) => [node.id, []]));
  table.owners.forEach((owner, slot) => {
    if (owner !== vacant) owned.get(nodes[owner]!.id)!.push(Math.floor(slot / table.replicas));
  });
  for (const partitions of owned.values()) Object.freeze(partitions);
  return owned;
}

/** The ring of no history: not founded, no nodes, default settings for every bucket. */
export const emptyRing: Ring = new FoldedRing({
  version: Object.freeze({ size: 0, digest: '0'.repeat(16) }),
  founded: false,
  partitions: defaultPartitions,
  nodes: none,
  table: { replicas: 0, owners: new Uint16Array(0) },
  buckets: none,
});
