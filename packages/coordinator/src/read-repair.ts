import { digestOf, type RecordId, replicaWrite } from '@ringfort/storage';
import { encodeObject } from '@ringfort/versioning';
import { type Effects, recordKey, storageAddress } from './effects.ts';
import type { GetTask } from './get-task.ts';
import { createVerifier } from './verifier.ts';

/** Repairs under way; beyond it a stale replica is left to a later read. */
const MAX_REPAIRS = 256;

/**
 * Read repair (paper section 5): once a read's story ends, writes what it found to the replicas that lack it, and has those that were not
 * asked verified. `readAll` is called for a record that such a one turns out to hold otherwise, and calls back when it has been read.
 */
export function createReadRepair(
  fx: Effects,
  readAll: (id: RecordId, done: () => void) => void,
): (task: GetTask) => void {
  let repairs = 0;
  const rereading = new Set<string>();

  const verifier = createVerifier(fx, (id) => {
    const key = recordKey(id, false);
    if (rereading.has(key) || rereading.size >= MAX_REPAIRS) return;
    rereading.add(key);
    readAll(id, () => rereading.delete(key));
  });

  const write = (id: RecordId, bytes: Uint8Array, node: string) => {
    repairs += 1;
    fx.counters.readRepairs += 1;
    const ended = (error: Error | undefined) => {
      repairs -= 1;
      if (error !== undefined) fx.onFault(error, 'read repair');
    };
    if (node === fx.self) fx.store.write(id, bytes).then(() => ended(undefined), ended);
    else {
      const options = { timeoutMs: fx.limits.defaultTimeoutMs };
      fx.bus.call(storageAddress(node), replicaWrite, { ...id, object: bytes }, options, ended);
    }
  };

  return ({ id, merged, copies, plan }) => {
    if (merged !== undefined && !copies.every((copy) => copy.digest === copies[0]!.digest)) {
      const bytes = encodeObject(merged);
      const digest = digestOf(bytes);
      for (const copy of copies) {
        if (copy.digest !== digest && !copy.standIn && repairs < MAX_REPAIRS) write(id, bytes, copy.node);
      }
    }
    for (const { node } of plan.reserve) verifier.later(node, id);
  };
}
