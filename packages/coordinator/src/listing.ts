import type { BusFailure } from '@ringfort/bus';
import { replicaKeys } from '@ringfort/storage';
import { z } from 'zod';
import type { keysReplySchema, keysRequestSchema } from './contract.ts';
import { codeOf, type Effects, reportFailure, storageAddress } from './effects.ts';
import { InvalidCursorError, QuorumUnavailableError, RequestDeadlineError } from './errors.ts';
import { levelWith, MAX_LEVELLINGS } from './levelling.ts';
import { planPlaces } from './placement-core.ts';
import { checkLength, replicasOf } from './validate.ts';

/** Partitions asked at the same time. */
const PARTITIONS_AT_ONCE = 32;

const cursorSchema = z.tuple([z.int().min(0).max(65535), z.string().max(1024)]);

type KeysRequest = z.infer<typeof keysRequestSchema>;
type KeysReply = z.infer<typeof keysReplySchema>;

/** One partition's next keys: `more` says that there are others behind the last. */
interface Slice {
  readonly keys: readonly string[];
  readonly last: string | undefined;
  readonly more: boolean;
}

/**
 * Lists the keys of a bucket, partition by partition: each page is read from R replicas of every partition, and their answers united. A
 * key deleted while one of them was away may still be listed until that replica has heard of it.
 */
export function createListing(fx: Effects): (request: KeysRequest, timeoutMs: number) => Promise<KeysReply> {
  const slice = async (
    partition: number,
    request: KeysRequest,
    after: string | undefined,
    deadlineMs: number,
    levellings = MAX_LEVELLINGS,
  ): Promise<Slice> => {
    const { ring } = fx.membership;
    const settings = ring.bucket(request.bucket);
    const n = replicasOf(ring, settings);
    const [owners, slots] = [ring.owners(partition), ring.slotVersion(partition)];
    const { places } = planPlaces(ring.preferenceList(partition), n, false, fx.isUp, 0, undefined, owners);
    const primaries = places.filter(({ standsInFor, counts }) => standsInFor === undefined && counts);
    const required = Math.min(settings.r, n);
    const timeoutMs = deadlineMs - fx.clock.monotonicMs();
    if (timeoutMs <= 0) throw new RequestDeadlineError(0);
    const body = { partition, bucket: request.bucket, limit: request.limit, after };
    const stale: { node: string; error: BusFailure }[] = [];
    const answers = await Promise.all(
      primaries.map(({ node, owns }) => {
        const asked = { ...body, ...(owns && { slots }) };
        return fx.bus.request(storageAddress(node), replicaKeys, asked, { timeoutMs }).catch((error: BusFailure) => {
          reportFailure(fx.membership, node, codeOf(error));
          if (codeOf(error) === 'STALE_SLOTS') stale.push({ node, error });
          return undefined;
        });
      }),
    );
    const heard = answers.filter((answer) => answer !== undefined);
    if (heard.length >= required) return unite(heard, request.limit);
    if (stale.length === 0 || levellings === 0) throw new QuorumUnavailableError(required, heard.length);
    await Promise.all(stale.map(({ node, error }) => new Promise((resolve) => levelWith(fx, node, error, resolve))));
    return slice(partition, request, after, deadlineMs, levellings - 1);
  };

  return async (request, timeoutMs) => {
    checkLength('bucket', request.bucket, fx.limits.maxBucketBytes);
    const deadlineMs = fx.clock.monotonicMs() + timeoutMs;
    const { partitions } = fx.membership.ring;
    let [partition, after] = request.cursor === undefined ? [0, undefined] : parseCursor(request.cursor);
    const keys: string[] = [];
    while (partition < partitions) {
      const from = partition;
      const batch = Array.from({ length: Math.min(PARTITIONS_AT_ONCE, partitions - from) }, (_, i) => from + i);
      const slices = await Promise.all(batch.map((p) => slice(p, request, p === from ? after : undefined, deadlineMs)));
      for (const [index, { keys: found, last, more }] of slices.entries()) {
        const room = request.limit - keys.length;
        if (found.length > room)
          return {
            keys: [...keys, ...found.slice(0, room)],
            cursor: formatCursor(from + index, found[room - 1] ?? (index === 0 ? after : undefined)),
          };
        keys.push(...found);
        if (more) return { keys, cursor: formatCursor(from + index, last) };
      }
      partition = from + batch.length;
      after = undefined;
    }
    return { keys };
  };
}

/** The union of what replicas answered, up to the point until which all of them have spoken. */
function unite(
  answers: readonly { keys: readonly { key: string; live: boolean }[]; more: boolean }[],
  limit: number,
): Slice {
  const ends = answers.filter((answer) => answer.more).map((answer) => answer.keys.at(-1)?.key ?? '');
  const horizon = ends.length === 0 ? undefined : ends.reduce((a, b) => (compareUtf8(a, b) <= 0 ? a : b));
  const live = new Map<string, boolean>();
  for (const { keys } of answers) {
    for (const { key, live: isLive } of keys) {
      if (horizon !== undefined && compareUtf8(key, horizon) > 0) continue;
      live.set(key, (live.get(key) ?? false) || isLive);
    }
  }
  const seen = [...live.keys()].sort(compareUtf8);
  const kept = seen.slice(0, limit);
  return {
    keys: kept.filter((key) => live.get(key)),
    last: kept.at(-1),
    more: horizon !== undefined || seen.length > kept.length,
  };
}

/** The order of keys in a store. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Where the next page of a listing begins. */
export function formatCursor(partition: number, after: string | undefined): string {
  return Buffer.from(JSON.stringify([partition, after ?? ''])).toString('base64url');
}

/** The inverse of {@link formatCursor}. @throws INVALID_CURSOR */
export function parseCursor(text: string): [number, string | undefined] {
  try {
    const [partition, after] = cursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    return [partition, after === '' ? undefined : after];
  } catch {
    throw new InvalidCursorError();
  }
}
