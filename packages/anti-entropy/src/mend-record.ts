import type { RecordId, Store } from '@ringfort/storage';
import { decodeObject, encodeObject, mergeObjects } from '@ringfort/versioning';

/** `waiting`: one of those who may hold it could not be asked. `lost`: nobody else holds anything of it. */
export type Mended = 'healed' | 'waiting' | 'lost';

export interface MendOptions {
  readonly store: Store;
  /** What all primaries but this node hold of a record; undefined: one of them could not be asked. */
  readonly heldByOthers: (id: RecordId) => Promise<readonly Uint8Array[] | undefined>;
}

/** Makes a record whole that cannot be read where it lies: from memory, where it still is there, else from all its other owners together. */
export async function mendRecord({ store, heldByOthers }: MendOptions, id: RecordId): Promise<Mended> {
  const barrier = store.adoptedBarrier(id.partition);
  if (await store.restore(id)) return 'healed';
  const others = await heldByOthers(id);
  if (others === undefined) return 'waiting';
  if (others.length === 0) return 'lost';
  const merged = others.map(decodeObject).reduce((object, other) => mergeObjects(object, other));
  await store.write(id, encodeObject(merged), { barrier });
  return 'healed';
}
