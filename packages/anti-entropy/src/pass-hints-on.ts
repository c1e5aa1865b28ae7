import type { Membership } from '@ringfort/membership';
import { CorruptRecordError, type Hint, type Store } from '@ringfort/storage';

/**
 * Stand-in records that are owed to nodes which are no members any more are owed to the owners of their partition instead: at most `most` of
 * them, the others the next time. What this node owns itself it takes.
 * @throws HINTS_FULL, and whatever else a store refuses with: what was not passed on stays owed as it was
 */
export async function passHintsOn(store: Store, membership: Membership, most: number): Promise<void> {
  const { ring, self } = membership;
  let left = most;
  for (const { target, count } of store.hintStats()) {
    if (count === 0 || left <= 0 || ring.node(target) !== undefined) continue;
    const { items } = store.hints(target, undefined, { maxItems: left, maxBytes: Number.MAX_SAFE_INTEGER });
    left -= items.length;
    for (const hint of items) {
      const owners = ring.owners(hint.id.partition);
      if (owners.length > 0) await passOn(store, hint, target, { owners, self });
    }
  }
}

async function passOn(
  store: Store,
  { id, bytes, digest }: Hint,
  target: string,
  { owners, self }: { readonly owners: readonly string[]; readonly self: string },
): Promise<void> {
  const others = owners.filter((node) => node !== self);
  if (bytes !== undefined) {
    if (owners.includes(self)) await store.write(id, bytes, { sync: true });
    if (others.length > 0) await store.writeHint(id, bytes, others, { sync: true });
  }
  // What was written to it meanwhile is owed to the owners too. A corrupt one can be delivered to nobody: the replicas hold what they hold.
  const isShared = bytes !== undefined && others.length > 0;
  await store.hintDelivered(id, target, isShared ? heldDigest(store, id) : digest);
}

function heldDigest(store: Store, id: Hint['id']): string | undefined {
  try {
    return store.readHint(id)?.digest;
  } catch (error) {
    if (error instanceof CorruptRecordError) return undefined;
    throw error;
  }
}
