import type { Bus } from '@ringfort/bus';
import { copyClose, copyOpen, copyRead } from '@ringfort/storage';

/** The node brings on disk what it holds in memory first. */
const openTimeoutMs = 60_000;
const pieceTimeoutMs = 20_000;

/** A copy of a node's store under way; it ends when its pieces have been read, or nobody reads on. */
export interface NodeCopy {
  pieces(): AsyncGenerator<Uint8Array>;
}

/** Begins a copy of the store of any node of the cluster, this one included. Rejects when that cannot be reached. */
export async function openNodeCopy(bus: Bus, node: string): Promise<NodeCopy> {
  const to = `node.${node}.storage`;
  const { id } = await bus.request(to, copyOpen, {}, { timeoutMs: openTimeoutMs });
  return {
    async *pieces() {
      let ended = false;
      try {
        for (let piece = 0; ; piece++) {
          const { bytes } = await bus.request(to, copyRead, { id, piece }, { timeoutMs: pieceTimeoutMs });
          if (bytes === undefined) {
            ended = true;
            return;
          }
          yield bytes;
        }
      } finally {
        // Unheard it is closed after a while all the same.
        if (!ended) bus.request(to, copyClose, { id }, { timeoutMs: pieceTimeoutMs }).catch(() => undefined);
      }
    },
  };
}
