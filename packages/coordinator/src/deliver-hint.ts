import { type Hint, type RecordId, replicaRead, replicaWrite } from '@ringfort/storage';
import { decodeObject, encodeObject, mergeObjects } from '@ringfort/versioning';
import { codeOf, type Effects, storageAddress } from './effects.ts';
import { replicasOf } from './validate.ts';

/**
 * Brings a hint to the node that it is owed to, and forgets it once that has it. One from before the partition's barrier is refused: then it goes to all primaries,
 * on top of what these hold now.
 */
export async function deliverHint(fx: Effects, target: string, { id, bytes, digest }: ReadableHint): Promise<void> {
  const timeoutMs = fx.limits.defaultTimeoutMs;
  const options = { timeoutMs, barrier: fx.store.label(id.partition) };
  try {
    await fx.bus.request(storageAddress(target), replicaWrite, { ...id, object: bytes, sync: true }, options);
  } catch (error) {
    if (codeOf(error) !== 'BARRIER_BEHIND') throw error;
    await writeAnew(fx, id, bytes);
  }
  await fx.store.hintDelivered(id, target, digest);
}

interface ReadableHint extends Hint {
  readonly bytes: Uint8Array;
}

/** Each primary holds by now what the collection under way takes: so what comes of all of them lies behind its barrier. */
async function writeAnew(fx: Effects, id: RecordId, bytes: Uint8Array): Promise<void> {
  const { ring } = fx.membership;
  const timeoutMs = fx.limits.defaultTimeoutMs;
  const primaries = ring.preferenceList(id.partition).slice(0, replicasOf(ring, ring.bucket(id.bucket)));
  const own = fx.store.label(id.partition);
  const answers = await Promise.all(
    primaries.map((node) => fx.bus.request(storageAddress(node), replicaRead, id, { timeoutMs, barrier: own })),
  );
  const barrier = Math.min(...answers.map((answer) => answer.barrier ?? own));
  const merged = answers.reduce(
    (object, answer) => (answer.object === undefined ? object : mergeObjects(object, decodeObject(answer.object))),
    decodeObject(bytes),
  );
  const request = { ...id, object: encodeObject(merged), sync: true };
  await Promise.all(
    primaries.map((node) => fx.bus.request(storageAddress(node), replicaWrite, request, { timeoutMs, barrier })),
  );
}
