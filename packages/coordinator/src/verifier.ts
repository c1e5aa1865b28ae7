import { type RecordId, replicaVerify } from '@ringfort/storage';
import { codeOf, type Effects, recordKey, reportFailure, storageAddress } from './effects.ts';

/** How long what was read waits, so that one message asks about much of it; what is read again meanwhile is asked about once. */
const GATHER_MS = 50;
/** Records that wait, per replica; beyond it a read goes unverified: read repair is a favour, handoff and anti-entropy are the promise. */
const MAX_WAITING = 2048;
const MAX_PER_MESSAGE = 256;

export interface Verifier {
  /** A read was answered without `node`: see whether it holds what this node does. */
  later(node: string, id: RecordId): void;
}

/**
 * Completes reads that were answered by R replicas: the other primaries are asked afterwards, for many records in one message, whether
 * they hold the same. `onStale` is told of each record where one does not, and of those that were to be verified by one that turns out to be down. It costs a small part of
 * asking all N for each read, and finds the same stale replicas a moment later.
 */
export function createVerifier(fx: Effects, onStale: (id: RecordId) => void): Verifier {
  const waiting = new Map<string, Map<string, RecordId>>();
  let scheduled = false;

  /** As it is held here by now: a record that was written since the read is not stale. One that cannot be read here is read anew from all. */
  const digestOf = (id: RecordId): string | undefined => {
    try {
      return fx.store.read(id)?.digest;
    } catch (error) {
      fx.onFault(error as Error, 'local read');
      return undefined;
    }
  };

  const ask = (node: string, items: readonly RecordId[]) => {
    const body = { items: items.map((id) => ({ ...id, digest: digestOf(id) })) };
    const options = { timeoutMs: fx.limits.defaultTimeoutMs };
    fx.bus.call(storageAddress(node), replicaVerify, body, options, (error, reply) => {
      if (error !== undefined) {
        reportFailure(fx.membership, node, codeOf(error));
        // The reads took it for up. Had they known better, they would have asked who stands in for it.
        if (!fx.isUp(node)) for (const item of items) onStale(item);
        return;
      }
      for (const index of reply!.stale) {
        const item = items[index];
        if (item !== undefined) onStale(item);
      }
    });
  };

  const askAll = () => {
    scheduled = false;
    for (const [node, items] of waiting) {
      const all = [...items.values()];
      for (let i = 0; i < all.length; i += MAX_PER_MESSAGE) ask(node, all.slice(i, i + MAX_PER_MESSAGE));
    }
    waiting.clear();
  };

  return {
    later(node, id) {
      let items = waiting.get(node);
      if (items === undefined) {
        items = new Map();
        waiting.set(node, items);
      }
      const key = recordKey(id, false);
      if (items.size >= MAX_WAITING && !items.has(key)) return;
      items.set(key, id);
      if (scheduled) return;
      scheduled = true;
      fx.wheel.after(GATHER_MS, askAll);
    },
  };
}
