import type { Bus, Clock } from '@ringfort/bus';
import type { Membership } from '@ringfort/membership';
import { defaultBucketSettings } from '@ringfort/ring';
import { type Collected, NotServingError, type RecordId, type Store, type StoredRecord } from '@ringfort/storage';
import { encodeObject } from '@ringfort/versioning';
import type { CollectableRecord } from './collect-contract.ts';
import * as verbs from './collect-contract.ts';
import { isSettled, primariesOf, shortened, takenOf } from './collect-core.ts';
import {
  CollectionSupersededError,
  CollectionUnsettledError,
  CopiesHeldError,
  NotAdoptedError,
} from './collect-errors.ts';
import { antiEntropyAddress } from './contract.ts';
import { turn } from './list-range.ts';

export interface CollectMemberOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly membership: Membership;
  readonly clock: Clock;
  /** Whether this node knows of every collection that is complete. */
  readonly knowsBarriers: () => boolean;
}

const PAGE = { maxItems: 256, maxBytes: 256 * 1024 };

/** A member's part in collections that others drive. */
export class CollectMember {
  readonly #options: CollectMemberOptions;
  /** By partition the collection whose barrier was adopted last, by this process. */
  readonly #adopted = new Map<number, { readonly barrier: number; readonly id: string }>();
  readonly #served: readonly { unsubscribe(): void }[];

  constructor(options: CollectMemberOptions) {
    this.#options = options;
    const { bus, membership } = options;
    const address = antiEntropyAddress(membership.self);
    this.#served = [
      bus.serve(address, verbs.collectProve, (request) => this.#prove(request)),
      bus.serve(address, verbs.collectAdopt, (request) => this.#adopt(request)),
      bus.serve(address, verbs.collectRaise, (request) => this.#raise(request)),
      bus.serve(address, verbs.collectDrop, (request) => this.#drop(request)),
      bus.serve(address, verbs.collectBarriers, (request) => this.#barriers(request)),
    ];
  }

  close(): void {
    for (const one of this.#served) one.unsubscribe();
  }

  async #prove({ partition, ring, records }: verbs.ProveRequest): Promise<verbs.ProveReply> {
    const { store } = this.#options;
    this.#checkRing(partition, ring);
    const held = this.#held(partition, records);
    // Nothing is written, but what was is on disk then.
    await store.collect(partition, []);
    return { held, adopted: store.adoptedBarrier(partition) };
  }

  async #adopt({ partition, ring, barrier, id }: verbs.AdoptRequest): Promise<verbs.AdoptReply> {
    const { store } = this.#options;
    this.#checkRing(partition, ring);
    await this.#checkCopies(partition);
    const last = this.#adopted.get(partition);
    const isSame = last?.barrier === barrier && last.id === id;
    if (!(await store.adoptBarrier(partition, barrier, isSame)))
      throw new CollectionSupersededError(partition, barrier, store.adoptedBarrier(partition));
    this.#adopted.set(partition, { barrier, id });
    return {};
  }

  async #raise({ partition, ring, barrier, records }: verbs.RaiseRequest): Promise<verbs.RaiseReply> {
    const { store } = this.#options;
    this.#checkRing(partition, ring);
    await this.#checkCopies(partition);
    const label = store.label(partition);
    if (label < barrier) throw new NotAdoptedError(partition, barrier, label);
    await store.raiseBarrier(partition, barrier);
    return { held: this.#held(partition, records) };
  }

  async #drop({ partition, barrier, records }: verbs.DropRequest): Promise<verbs.DropReply> {
    const { store } = this.#options;
    const floor = store.barrier(partition);
    // Of no collection, or of one that a later one has overtaken: its proof says nothing any more.
    if (barrier === 0 || floor !== barrier) throw new NotAdoptedError(partition, barrier, floor);
    const collected = records.flatMap((record) => this.#collectedOf(partition, record));
    return { collected: await store.collect(partition, collected) };
  }

  #barriers({ node, store: asking }: verbs.BarriersRequest): verbs.BarriersReply {
    const { store, membership, knowsBarriers } = this.#options;
    const { ring } = membership;
    const known = knowsBarriers() && ring.node(node)?.store === asking;
    const partitions = known ? Array.from({ length: ring.partitions }, (_, partition) => partition) : [];
    const barriers = partitions
      .map((partition) => ({ partition, barrier: store.barrier(partition) }))
      .filter(({ barrier }) => barrier > 0);
    return { known, barriers };
  }

  /** Indices of the records that are here as they were told, and are to be collected by this node's clock too. */
  #held(partition: number, records: readonly CollectableRecord[]): number[] {
    return records.flatMap((record, index) => (this.#find(partition, record) === undefined ? [] : [index]));
  }

  #find(partition: number, { bucket, key, digest, takes }: CollectableRecord): StoredRecord | undefined {
    const { store, membership, clock } = this.#options;
    if (!primariesOf(membership.ring, partition, bucket).includes(membership.self)) return undefined;
    const record = readable(store, { partition, bucket, key });
    if (record?.digest !== digest) return undefined;
    return takenOf(record.object, clock.now()) === takes ? record : undefined;
  }

  #collectedOf(partition: number, record: CollectableRecord): Collected[] {
    const { bucket, key, digest, takes } = record;
    const { store } = this.#options;
    if (takes === 'record') return [{ bucket, key, digest }];
    const held = readable(store, { partition, bucket, key });
    return held?.digest === digest ? [{ bucket, key, digest, left: encodeObject(shortened(held.object)) }] : [];
  }

  /** @throws COLLECTION_UNSETTLED, NOT_SERVING */
  #checkRing(partition: number, version: { readonly size: number; readonly digest: string }): void {
    const { membership, knowsBarriers } = this.#options;
    const { ring, state } = membership;
    if (state !== 'member' || !knowsBarriers()) throw new NotServingError();
    const isSame = ring.version.size === version.size && ring.version.digest === version.digest;
    if (!isSame || !isSettled(ring, partition)) throw new CollectionUnsettledError(partition);
  }

  /** Copies of a time when this node was an owner, or the bucket had more replicas. @throws COPIES_HELD */
  async #checkCopies(partition: number): Promise<void> {
    const { store, membership, clock } = this.#options;
    const { ring, self } = membership;
    const rank = ring.preferenceList(partition).indexOf(self);
    const isOwn = (bucket: string) => rank >= 0 && rank < ring.bucket(bucket).n;
    if (rank >= 0 && rank < defaultBucketSettings.n && ring.buckets.every(({ name }) => isOwn(name))) return;
    let after: Uint8Array | undefined;
    do {
      const { items, next } = store.fold({ partition, ...(after && { after }) }, PAGE);
      if (items.some(({ id }) => !isOwn(id.bucket))) throw new CopiesHeldError(partition);
      after = next;
      if (after !== undefined) await turn(clock);
    } while (after !== undefined);
  }
}

/** What cannot be read is not held. */
function readable(store: Store, id: RecordId): StoredRecord | undefined {
  try {
    return store.read(id);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'CORRUPT_RECORD') return undefined;
    throw error;
  }
}
