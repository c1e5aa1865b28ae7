import { codeOf } from './effects.ts';
import { HintsFullError, QuorumUnavailableError, RequestDeadlineError, type WriteOutcome } from './errors.ts';
import type { PutTask } from './put-task.ts';
import { isSettled } from './quorum-core.ts';

/** Failures after which a replica certainly does not have the write. */
const certainlyNot = new Set([
  'NO_RESPONDERS',
  'HINTS_FULL',
  'UNKNOWN_TARGET',
  'STORE_FULL',
  'STORE_READ_ONLY',
  'STORE_CLOSED',
  'BARRIER_BEHIND',
  'NOT_SERVING',
  'INVALID_MESSAGE',
  'MESSAGE_TOO_LARGE',
]);

/** Whether a replica may have a write, by what it answered. @param error undefined: it acknowledged */
export function mayHold(error: (Error & { readonly details?: Record<string, unknown> }) | undefined): boolean {
  if (error === undefined) return true;
  const code = codeOf(error);
  return code === 'STALE_SLOTS' ? error.details?.stored === true : !certainlyNot.has(code);
}

/** The tally also awaits hints that the coordinator keeps itself, which have no place in the plan. */
export function outcomeOf({ mayHaveApplied, tally, plan }: PutTask): WriteOutcome {
  const isAwaited = !isSettled(tally) || plan.places.some((place) => place.state === 'silent');
  return mayHaveApplied || isAwaited ? 'indeterminate' : 'not-applied';
}

/** Why a write had too few acknowledgements. */
export function unavailable(task: PutTask, nowMs: number): Error {
  const { required, durableRequired, answers, durable, failures } = task.tally;
  const outcome = outcomeOf(task);
  if (nowMs >= task.deadlineMs) return new RequestDeadlineError(task.timeoutMs, outcome);
  if (failures.includes('HINTS_FULL')) return new HintsFullError(required, answers, outcome);
  if (answers < required) return new QuorumUnavailableError(required, answers, outcome, failures);
  return new QuorumUnavailableError(durableRequired, durable, outcome, failures);
}
