import type { Done } from '@ringfort/bus';
import { decodeObject } from '@ringfort/versioning';
import { type Effects, recordKey } from './effects.ts';
import { QuorumUnavailableError, ValueTooLargeError } from './errors.ts';
import type { MergeRequest } from './operator-contract.ts';
import { planPlaces } from './placement-core.ts';
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
    const plan = planPlaces(ring.preferenceList(id.partition), n, true, fx.isUp, w);
    const countable = plan.places.filter((place) => place.counts).length;
    if (countable < w) throw new QuorumUnavailableError(w, countable, 'not-applied');
    const startMs = fx.clock.monotonicMs();
    runPut({
      id,
      recordKey: recordKey(id, false),
      plan,
      tally: newTally(w, w),
      timeoutMs,
      startMs,
      deadlineMs: startMs + timeoutMs,
      actor: undefined,
      // However old the object is, it is written now: who brings back what was deleted since has been told so.
      barrier: fx.store.label(id.partition),
      bytes,
      syncsWanted: Number.POSITIVE_INFINITY,
      mayHaveApplied: false,
      teller: undefined,
      timer: undefined,
      done: (error) => done(error, {}),
    });
  };
}
