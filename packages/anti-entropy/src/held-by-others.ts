import type { Bus } from '@ringfort/bus';
import type { Membership } from '@ringfort/membership';
import { type RecordId, replicaRead } from '@ringfort/storage';

export interface AskOthersOptions {
  readonly bus: Bus;
  readonly membership: Membership;
  readonly peer: string;
  readonly timeoutMs: number;
  readonly barrierOf: (partition: number) => number;
}

/** What the primaries of a record hold, but for this node and the peer, by asking all of them; undefined: one could not be asked. */
export function askOthers({ bus, membership, peer, timeoutMs, barrierOf }: AskOthersOptions) {
  return async ({ partition, bucket, key }: RecordId): Promise<readonly Uint8Array[] | undefined> => {
    const { ring, self } = membership;
    const primaries = ring.preferenceList(partition).slice(0, ring.bucket(bucket).n);
    const asked = primaries
      .filter((node) => node !== self && node !== peer)
      .map(async (node) => {
        try {
          const request = { partition, bucket, key };
          return await bus.request(`node.${node}.storage`, replicaRead, request, {
            timeoutMs,
            barrier: barrierOf(partition),
          });
        } catch (error) {
          // Nothing can be had from there, whoever asks.
          if ((error as { code?: unknown }).code === 'CORRUPT_RECORD') return {};
          throw error;
        }
      });
    const answers = await Promise.allSettled(asked);
    const held: Uint8Array[] = [];
    for (const answer of answers) {
      if (answer.status === 'rejected') return undefined;
      if (answer.value.object !== undefined) held.push(answer.value.object);
    }
    return held;
  };
}
