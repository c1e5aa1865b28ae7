import { digestOf, type RecordId, replicaWrite } from '@ringfort/storage';
import { encodeObject } from '@ringfort/versioning';
import { type Effects, recordKey, storageAddress } from './effects.ts';
import { type GetTask, UNREADABLE } from './get-task.ts';
import { createVerifier } from './verifier.ts';

/** Repairs under way; beyond it a stale replica is left to a later read. */
const MAX_REPAIRS = 256;

/** Calls back with whether all N were heard, and hold the same now. */
type Repaired = (whole: boolean) => void;

export interface ReadRepair {
  /** At the end of a read's story. */
  repair(task: GetTask): void;
  /** Reads the record from all N, and repairs; at once answers no, when that is under way or too much is. */
  repairAll(id: RecordId, repaired?: Repaired): void;
}

/**
 * Read repair (paper section 5): once a read's story ends, writes what it found to the replicas that lack it, and has those that were not
 * asked verified. `readAll` is called for a record that such a one turns out to hold otherwise.
 */
export function createReadRepair(fx: Effects, readAll: (id: RecordId, repaired: Repaired) => void): ReadRepair {
  let repairs = 0;
  const rereading = new Set<string>();

  const repairAll = (id: RecordId, repaired?: Repaired) => {
    const key = recordKey(id, false);
    if (rereading.has(key) || rereading.size >= MAX_REPAIRS) {
      repaired?.(false);
      return;
    }
    rereading.add(key);
    readAll(id, (whole) => {
      rereading.delete(key);
      repaired?.(whole);
    });
  };
  const verifier = createVerifier(fx, repairAll);

  const write = ({ id, barrier }: GetTask, bytes: Uint8Array, node: string, done: Repaired) => {
    repairs += 1;
    fx.counters.readRepairs += 1;
    const ended = (error: Error | undefined) => {
      repairs -= 1;
      if (error !== undefined) fx.onFault(error, 'read repair');
      done(error === undefined);
    };
    const request = { ...id, object: bytes };
    const within = { timeoutMs: fx.limits.defaultTimeoutMs, barrier };
    if (node === fx.self)
      fx.store.write(id, bytes, { barrier }).then(() => fx.owner.settle(request, within, ended), ended);
    else fx.bus.call(storageAddress(node), replicaWrite, request, within, ended);
  };

  /** Of those that hold something else. A corrupt record is replaced only by what all the others hold: it may have held more than some of them. */
  const writeStale = (task: GetTask, bytes: Uint8Array, whole: boolean, repaired: Repaired) => {
    const digest = digestOf(bytes);
    let equal = whole;
    let pending = 1;
    const ended: Repaired = (done) => {
      equal &&= done;
      pending -= 1;
      if (pending === 0) repaired(equal);
    };
    for (const { node, standIn, digest: held } of task.copies) {
      if (standIn || held === digest || (held === UNREADABLE && !whole)) continue;
      pending += 1;
      if (repairs < MAX_REPAIRS) write(task, bytes, node, ended);
      else ended(false);
    }
    ended(true);
  };

  const repair = (task: GetTask) => {
    const { id, merged, copies, plan, repaired } = task;
    task.repaired = undefined;
    const isEqual = copies.every((copy) => copy.digest === copies[0]!.digest);
    if (merged === undefined || isEqual) repaired?.(isWhole(task) && isEqual);
    else writeStale(task, encodeObject(merged), isWhole(task), repaired ?? ignore);
    for (const { node } of plan.reserve) verifier.later(node, id);
  };
  return { repair, repairAll };
}

const ignore = () => {};

/** Whether every primary has answered, be it that it cannot read what it has. */
function isWhole({ copies, n }: GetTask): boolean {
  let heard = 0;
  for (const { standIn } of copies) if (!standIn) heard += 1;
  return heard === n;
}
