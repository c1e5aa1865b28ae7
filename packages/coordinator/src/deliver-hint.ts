import type { BusFailure, RequestOptions } from '@ringfort/bus';
import { type Hint, type RecordId, replicaRead, replicaWrite } from '@ringfort/storage';
import { decodeObject, encodeObject, mergeObjects } from '@ringfort/versioning';
import { codeOf, type Effects, storageAddress } from './effects.ts';
import { levelWith } from './levelling.ts';
import { replicasOf } from './validate.ts';

/**
 * Brings a hint to the node that it is owed to, and forgets it once that has it; where that one is no primary of the key any more, to all that own the
 * partition. One from before the partition's barrier is refused: then it goes to all primaries, on top of what these hold now.
 */
export async function deliverHint(fx: Effects, target: string, { id, bytes, digest }: ReadableHint): Promise<void> {
  const timeoutMs = fx.limits.defaultTimeoutMs;
  const options = { timeoutMs, barrier: fx.store.label(id.partition) };
  try {
    await Promise.all(
      recipientsOf(fx, target, id).map((node) => deliverTo(fx, node, { ...id, object: bytes }, options)),
    );
  } catch (error) {
    if (codeOf(error) !== 'BARRIER_BEHIND') throw error;
    await writeAnew(fx, id, bytes);
  }
  await fx.store.hintDelivered(id, target, digest);
}

/** Who is to have what was meant for `target`. */
function recipientsOf({ membership: { ring } }: Effects, target: string, { bucket, partition }: RecordId) {
  const primaries = ring.preferenceList(partition).slice(0, replicasOf(ring, ring.bucket(bucket)));
  const owners = ring.owners(partition);
  return primaries.includes(target) || owners.length === 0 ? [target] : owners;
}

/** An owner is asked as such: what one took that has just given its slot up would be nowhere. */
async function deliverTo(
  fx: Effects,
  node: string,
  write: RecordId & { readonly object: Uint8Array },
  options: RequestOptions,
): Promise<void> {
  const { ring } = fx.membership;
  const slots = ring.owners(write.partition).includes(node) ? ring.slotVersion(write.partition) : undefined;
  try {
    await fx.bus.request(storageAddress(node), replicaWrite, { ...write, sync: true, slots }, options);
  } catch (error) {
    if (codeOf(error) === 'STALE_SLOTS')
      await new Promise((resolve) => levelWith(fx, node, error as BusFailure, resolve));
    throw error;
  }
}

interface ReadableHint extends Hint {
  readonly bytes: Uint8Array;
}

/**
 * A primary that has adopted a barrier holds what that collection takes, until all members have raised it, this one too: so what comes of the
 * hint and of all primaries lies behind the highest of theirs. This node's own may be lower for long: it was refilled, or kept from adopting by
 * the very hint.
 */
async function writeAnew(fx: Effects, id: RecordId, bytes: Uint8Array): Promise<void> {
  const { ring } = fx.membership;
  const timeoutMs = fx.limits.defaultTimeoutMs;
  const primaries = ring.preferenceList(id.partition).slice(0, replicasOf(ring, ring.bucket(id.bucket)));
  const own = fx.store.adoptedBarrier(id.partition);
  const answers = await Promise.all(
    primaries.map((node) => fx.bus.request(storageAddress(node), replicaRead, id, { timeoutMs, barrier: own })),
  );
  const barrier = Math.max(...answers.map((answer) => answer.barrier ?? own));
  const merged = answers.reduce(
    (object, answer) => (answer.object === undefined ? object : mergeObjects(object, decodeObject(answer.object))),
    decodeObject(bytes),
  );
  const request = { ...id, object: encodeObject(merged), sync: true };
  await Promise.all(
    primaries.map((node) => fx.bus.request(storageAddress(node), replicaWrite, request, { timeoutMs, barrier })),
  );
}
