import { type ReplicaObjectsReply, replicaObjects } from '@ringfort/storage';
import { decodeObject, encodeObject, mergeObjects, type VersionedObject } from '@ringfort/versioning';
import { codeOf, type Effects, reportFailure, storageAddress } from './effects.ts';
import { QuorumUnavailableError, RequestDeadlineError } from './errors.ts';
import { compareUtf8, formatCursor, parseCursor } from './listing.ts';
import type { ObjectsReply, ObjectsRequest } from './operator-contract.ts';
import { checkLength, replicasOf } from './validate.ts';

/** Of each owner, for one page. */
const PAGE_BYTES = 512 * 1024;

/** A partition's next objects, as its owners hold them together. */
interface Slice {
  readonly items: ObjectsReply['items'];
  readonly last: string | undefined;
  readonly more: boolean;
}

/**
 * A page of a bucket's objects, from the first partition after the cursor that has any. Each is the merge of what the owners hold that
 * answer, of whom there must be R: what W owners acknowledged before is in it.
 */
export async function bucketObjects(
  fx: Effects,
  { bucket, cursor }: ObjectsRequest,
  timeoutMs: number,
): Promise<ObjectsReply> {
  checkLength('bucket', bucket, fx.limits.maxBucketBytes);
  const deadlineMs = fx.clock.monotonicMs() + timeoutMs;
  let [partition, after] = cursor === undefined ? [0, undefined] : parseCursor(cursor);
  for (; partition < fx.membership.ring.partitions; partition++) {
    const leftMs = Math.floor(deadlineMs - fx.clock.monotonicMs());
    if (leftMs < 1) throw new RequestDeadlineError(timeoutMs);
    const { items, last, more } = await sliceOf(fx, partition, bucket, after, leftMs);
    const cursorAfter = more ? formatCursor(partition, last) : formatCursor(partition + 1, undefined);
    if (items.length > 0) return { items, cursor: cursorAfter };
    after = undefined;
    // Many partitions that have nothing of the bucket: an empty page rather than none in time.
    if (deadlineMs - fx.clock.monotonicMs() < timeoutMs / 2) return { items, cursor: cursorAfter };
  }
  return { items: [] };
}

async function sliceOf(
  fx: Effects,
  partition: number,
  bucket: string,
  after: string | undefined,
  timeoutMs: number,
): Promise<Slice> {
  const { ring } = fx.membership;
  const settings = ring.bucket(bucket);
  const owners = ring.preferenceList(partition).slice(0, replicasOf(ring, settings));
  const required = Math.min(settings.r, owners.length);
  const slots = ring.slotVersion(partition);
  const body = { partition, bucket, maxBytes: PAGE_BYTES, slots, ...(after === undefined ? {} : { after }) };
  const failures: string[] = [];
  const answers = await Promise.all(
    owners.filter(fx.isUp).map((node) =>
      fx.bus.request(storageAddress(node), replicaObjects, body, { timeoutMs }).catch((error: unknown) => {
        reportFailure(fx.membership, node, codeOf(error));
        failures.push(codeOf(error));
        return undefined;
      }),
    ),
  );
  const heard = answers.filter((answer) => answer !== undefined);
  if (heard.length < required) throw new QuorumUnavailableError(required, heard.length, undefined, failures);
  return unite(heard, required);
}

/** Up to the key until which all that answered have spoken. */
function unite(answers: readonly ReplicaObjectsReply[], required: number): Slice {
  const ends = answers.filter(({ more }) => more).map(({ items }) => items.at(-1)!.key);
  const horizon = ends.length === 0 ? undefined : ends.reduce((a, b) => (compareUtf8(a, b) <= 0 ? a : b));
  const found = new Map<string, { object: VersionedObject | undefined; unreadable: number }>();
  for (const { items } of answers) {
    for (const { key, object } of items) {
      if (horizon !== undefined && compareUtf8(key, horizon) > 0) break;
      const one = found.get(key) ?? { object: undefined, unreadable: 0 };
      found.set(key, one);
      if (object === undefined) one.unreadable += 1;
      else
        one.object = one.object === undefined ? decodeObject(object) : mergeObjects(one.object, decodeObject(object));
    }
  }
  const keys = [...found.keys()].sort(compareUtf8);
  const items = keys.map((key) => {
    const { object, unreadable } = found.get(key)!;
    const isKnown = object !== undefined && answers.length - unreadable >= required;
    return isKnown ? { key, object: encodeObject(object) } : { key };
  });
  return { items, last: horizon, more: horizon !== undefined };
}
