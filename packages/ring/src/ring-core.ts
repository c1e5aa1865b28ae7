import { type BucketSettings, defaultBucketSettings, type RingVersion } from './contract.ts';
import { PartitionOutOfRangeError } from './errors.ts';
import { movesOf } from './moves-core.ts';
import { firstPlaces, type Owners, slotsOf, targetsOf } from './owners-core.ts';
import { Ownership, versionOfSlots } from './ownership-core.ts';
import type { Placed } from './placement-core.ts';
import type { Ring, RingNode, SlotMove } from './port.ts';
import { preferenceOrder } from './preference-core.ts';
import { type OwnerTable, vacant } from './slots-core.ts';

/** Q of a ring that is not founded yet. */
export const defaultPartitions = 256;

const none: readonly never[] = Object.freeze([]);

export interface NamedBucket {
  readonly name: string;
  readonly settings: BucketSettings;
}

export interface RingParts extends Owners {
  readonly version: RingVersion;
  readonly founded: boolean;
  /** Sorted by name. */
  readonly buckets: readonly NamedBucket[];
  /** Ids that do not come back. */
  readonly retired: ReadonlySet<string>;
}

/** What is looked up of one partition. */
interface PartitionView {
  readonly owners: readonly string[];
  readonly targets: readonly string[];
  readonly moves: readonly SlotMove[];
  readonly slotVersion: number;
}

const unfoundedView: PartitionView = { owners: none, targets: none, moves: none, slotVersion: 0 };

/**
 * The ring as a value. What is known of a partition is made at its first lookup and shared from then on, frozen; all else is made
 * in the constructor. Two rings of equal histories are deeply equal.
 */
export class FoldedRing implements Ring {
  readonly version: RingVersion;
  readonly founded: boolean;
  readonly partitions: number;
  readonly nodes: readonly RingNode[];
  readonly buckets: readonly NamedBucket[];
  readonly owned: ReadonlyMap<string, readonly number[]>;
  readonly #parts: Owners;
  readonly #places: OwnerTable;
  readonly #lists: (readonly string[] | undefined)[];
  readonly #views: (PartitionView | undefined)[];
  readonly #nodeById: ReadonlyMap<string, RingNode>;
  readonly #retired: ReadonlySet<string>;
  readonly #bucketByName: ReadonlyMap<string, BucketSettings>;

  constructor(parts: RingParts) {
    this.version = parts.version;
    this.founded = parts.founded;
    this.partitions = parts.partitions;
    this.nodes = parts.nodes;
    this.buckets = parts.buckets;
    this.#parts = parts;
    this.#places = parts.founded ? firstPlaces(parts) : { replicas: 0, owners: new Uint16Array(0) };
    this.owned = ownedBy(parts.nodes, this.#places);
    this.#lists = new Array(parts.founded ? parts.partitions : 0).fill(undefined);
    this.#views = new Array(this.#lists.length).fill(undefined);
    this.#retired = parts.retired;
    this.#nodeById = new Map(parts.nodes.map((node) => [node.id, node]));
    this.#bucketByName = new Map(parts.buckets.map(({ name, settings }) => [name, settings]));
    Object.freeze(this);
  }

  node(id: string): RingNode | undefined {
    return this.#nodeById.get(id);
  }

  knows(id: string): boolean {
    return this.#nodeById.has(id) || this.#retired.has(id);
  }

  bucket(name: string): BucketSettings {
    return this.#bucketByName.get(name) ?? defaultBucketSettings;
  }

  preferenceList(partition: number): readonly string[] {
    return this.#lists[partition] ?? this.#makeList(partition);
  }

  owners(partition: number): readonly string[] {
    return this.#view(partition).owners;
  }

  targets(partition: number): readonly string[] {
    return this.#view(partition).targets;
  }

  slotVersion(partition: number): number {
    return this.#view(partition).slotVersion;
  }

  moves(partition: number): readonly SlotMove[] {
    return this.#view(partition).moves;
  }

  partitionsOf(node: string): readonly number[] {
    return this.owned.get(node) ?? none;
  }

  #view(partition: number): PartitionView {
    return this.#views[partition] ?? this.#makeView(partition);
  }

  #makeList(partition: number): readonly string[] {
    if (!this.founded) return none;
    this.#check(partition);
    const order = preferenceOrder(this.nodes, this.#places, partition);
    const list = Object.freeze(order.map((index) => this.nodes[index]!.id));
    this.#lists[partition] = list;
    return list;
  }

  #makeView(partition: number): PartitionView {
    if (!this.founded) return unfoundedView;
    this.#check(partition);
    const slots = slotsOf(this.#parts, partition);
    const targets = targetsOf(this.#parts, partition);
    const view = {
      owners: Object.freeze(slots.flatMap(({ owner }) => owner ?? [])),
      targets: Object.freeze(targets),
      moves: Object.freeze(movesOf(partition, slots, targets)),
      slotVersion: versionOfSlots(slots),
    };
    this.#views[partition] = view;
    return view;
  }

  #check(partition: number): void {
    if (Number.isInteger(partition) && partition >= 0 && partition < this.partitions) return;
    throw new PartitionOutOfRangeError(partition, this.partitions);
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

const nobody: Placed = { nodes: none, table: { replicas: 0, owners: new Uint16Array(0) } };

/** The ring of no history: not founded, no nodes, default settings for every bucket. */
export const emptyRing: Ring = new FoldedRing({
  version: Object.freeze({ size: 0, digest: '0'.repeat(16) }),
  founded: false,
  partitions: defaultPartitions,
  nodes: none,
  targets: nobody,
  ownership: new Ownership(nobody),
  buckets: none,
  retired: new Set(),
});
