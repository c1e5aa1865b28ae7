import {
  CorruptRecordError,
  digestOf,
  type LeafScope,
  type RecordId,
  type RecordName,
  type Store,
} from '@ringfort/storage';
import { decodeObject, encodeObject, mergeObjects } from '@ringfort/versioning';
import type { HeldRecord, Replica, WrittenRecord } from './port.ts';

/** What a partition's replicas are to each other, as the ring says. */
export interface StoreReplicaOptions {
  readonly store: Store;
  readonly partition: number;
  /** The buckets that both sides hold; absent: all. */
  readonly scope: LeafScope | undefined;
  /**
   * What all primaries but this node and the peer hold of a record; undefined: one of them could not be asked. A record that is corrupt is
   * replaced only by what all the others hold: it may have held more than some of them.
   */
  readonly heldByOthers: (id: RecordId) => Promise<readonly Uint8Array[] | undefined>;
}

/** A store's part of a partition as one side of an exchange. */
export function storeReplica({ store, partition, scope, heldByOthers }: StoreReplicaOptions): Replica {
  // What was opened before a collection is of no use after it.
  const barrier = store.adoptedBarrier(partition);
  const idOf = ({ bucket, key }: RecordName): RecordId => ({ partition, bucket, key });
  const isCorrupt = (id: RecordId): boolean => {
    try {
      store.read(id);
      return false;
    } catch (error) {
      if (error instanceof CorruptRecordError) return true;
      throw error;
    }
  };
  const writeAll = async (id: RecordId, bytes: Uint8Array): Promise<WrittenRecord | undefined> => {
    const others = await heldByOthers(id);
    if (others === undefined) return undefined;
    const merged = others.reduce((object, other) => mergeObjects(object, decodeObject(other)), decodeObject(bytes));
    const { digest } = await store.write(id, encodeObject(merged), { barrier });
    return { digest, merged: digest === digestOf(bytes) ? undefined : store.read(id)?.bytes };
  };
  return {
    barrier,
    get floor() {
      return store.barrier(partition);
    },
    root: () => store.root(partition, scope),
    leaves: () => store.leaves(partition, scope),
    list: (query, limits) => store.digests({ partition, scope, ...query }, limits),
    read(name): HeldRecord | undefined {
      const id = idOf(name);
      return isCorrupt(id) ? undefined : store.read(id);
    },
    async write(name, bytes) {
      const id = idOf(name);
      return isCorrupt(id) ? writeAll(id, bytes) : store.write(id, bytes, { barrier });
    },
    shares: (bucket) => scope === undefined || scope.buckets.includes(bucket) !== scope.except,
  };
}
