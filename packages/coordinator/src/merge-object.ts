import type { Done } from '@ringfort/bus';
import { decodeObject } from '@ringfort/versioning';
import { type Effects, recordKey } from './effects.ts';
import { QuorumUnavailableError, ValueTooLargeError } from './errors.ts';
import { MAX_LEVELLINGS } from './levelling.ts';
import type { MergeRequest } from './operator-contract.ts';
import { countable, planPlaces } from './placement-core.ts';
import { createPutRunner } from './put-runner.ts';
import { newTally } from './quorum-core.ts';
import { locate, replicasOf } from './validate.ts';

/** What is merged has no dot of this node: nobody has to wait for its local commit. */
const nothingInFlight = { end: () => {} };

/**
 * Brings objects that were written elsewhere, or long ago, to their owners, with the clocks they have: the way of a put, its stand-ins, hints and
 * deadlines included, but no dot is given. Each replica merges it into what it holds, so it may be done twice, and what is newer stays.
 */
export function createMerger(fx: Effects): (request: MergeRequest, timeoutMs: number, done: Done<object>) => void {
  const runPut = createPutRunner(fx, nothingInFlight);
  return ({ bucket, key, object: bytes }, timeoutMs, done) => {
    const { ring } = fx.membership;
    const id = locate(ring, fx.limits, bucket, key);
    const { maxObjectBytes } = fx.limits;
    if (bytes.byteLength > maxObjectBytes) throw new ValueTooLargeError(bytes.byteLength, maxObjectBytes);
    decodeObject(bytes);
    const settings = ring.bucket(bucket);
    const n = replicasOf(ring, settings);
    const w = Math.min(settings.w, n);
    const [list, owners] = [ring.preferenceList(id.partition), ring.owners(id.partition)];
    const plan = planPlaces(list, n, true, fx.isUp, w, undefined, owners);
    if (countable(plan) < w) throw new QuorumUnavailableError(w, countable(plan), 'not-applied');
    const startMs = fx.clock.monotonicMs();
    runPut({
      id,
      recordKey: recordKey(id, false),
      n,
      slots: ring.slotVersion(id.partition),
      plan,
      tally: newTally(w, w),
      levellings: MAX_LEVELLINGS,
      isSubmitted: false,
      committed: undefined,
      timeoutMs,
      startMs,
      deadlineMs: startMs + timeoutMs,
      actor: undefined,
      // However old the object is, it is written now: who brings back what was deleted since has been told so.
      barrier: fx.store.adoptedBarrier(id.partition),
      bytes,
      syncs: Number.POSITIVE_INFINITY,
      syncsWanted: Number.POSITIVE_INFINITY,
      mayHaveApplied: false,
      teller: undefined,
      timer: undefined,
      done: (error) => done(error, {}),
    });
  };
}
