import { digestOf, replicaRead } from '@ringfort/storage';
import { decodeObject, isTombstone, type VersionedObject } from '@ringfort/versioning';
import type { z } from 'zod';
import type { replicasReplySchema, replicasRequestSchema } from './contract.ts';
import { codeOf, type Effects, storageAddress } from './effects.ts';
import { locate, replicasOf } from './validate.ts';

type Reply = z.infer<typeof replicasReplySchema>;

/** What each primary of a key holds, read without repair. */
export async function inspectReplicas(
  fx: Effects,
  { bucket, key }: z.infer<typeof replicasRequestSchema>,
  timeoutMs: number,
): Promise<Reply> {
  const { ring } = fx.membership;
  const id = locate(ring, fx.limits, bucket, key);
  const list = ring.preferenceList(id.partition);
  const primaries = list.slice(0, replicasOf(ring, ring.bucket(bucket)));
  const replicas = await Promise.all(
    primaries.map(async (node): Promise<Reply['replicas'][number]> => {
      try {
        const reply = await fx.bus.request(storageAddress(node), replicaRead, id, { timeoutMs });
        if (reply.object === undefined) return { node };
        return { node, digest: digestOf(reply.object), ...describe(decodeObject(reply.object)) };
      } catch (error) {
        return { node, error: codeOf(error) };
      }
    }),
  );
  return { partition: id.partition, preferenceList: [...list], replicas };
}

function describe(object: VersionedObject): { siblings: number; tombstone: boolean } {
  return { siblings: object.siblings.length, tombstone: object.siblings.every(isTombstone) };
}
