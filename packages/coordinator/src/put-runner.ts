import type { BusFailure } from '@ringfort/bus';
import { type ReplicaWriteReply, replicaWrite, type WriteResult } from '@ringfort/storage';
import { codeOf, type Effects, heard, storageAddress } from './effects.ts';
import { HintsFullError, QuorumUnavailableError, RequestDeadlineError, type WriteOutcome } from './errors.ts';
import { flatLogic } from './flat-logic.ts';
import type { InFlightWrites } from './in-flight.ts';
import { addStandIn, place as newPlace, type Placement, spares } from './placement-core.ts';
import { putMachine } from './put-machine.ts';
import type { PutEvent, PutTask } from './put-task.ts';
import { answered, failed, isHopeless, isMet, isSettled, sent } from './quorum-core.ts';
import { RequestPool } from './request-pool.ts';
import { type WatchEvents, watch } from './watch.ts';

const ACKNOWLEDGED: PutEvent = { type: 'replica.acknowledged' };
const FAILED: PutEvent = { type: 'replica.failed' };
const TIME_IS_UP: WatchEvents<PutEvent> = { hedge: { type: 'hedge.due' }, deadline: { type: 'deadline.passed' } };
const NOTHING = new Uint8Array(0);

/** Failures after which a replica certainly does not have the write. */
const certainlyNot = new Set([
  'NO_RESPONDERS',
  'HINTS_FULL',
  'STORE_FULL',
  'STORE_READ_ONLY',
  'STORE_CLOSED',
  'BARRIER_BEHIND',
  'NOT_SERVING',
  'INVALID_MESSAGE',
  'MESSAGE_TOO_LARGE',
]);

/** The effects of the put machine: the local commit and the sends at the same time, stand-ins for those that fail, the answer. */
export function createPutRunner(fx: Effects, inFlight: Pick<InFlightWrites, 'end'>): (task: PutTask) => void {
  const replicate = (task: PutTask) => {
    const { places, uncovered } = task.plan;
    const alike: Placement[] = [];
    for (const place of places) if (place.node === fx.self) send(task, place);
    // Either all that are left are to sync, or none: then the primaries among them get the very same message.
    const same = task.syncsWanted <= 0 || task.syncsWanted >= places.length;
    for (const place of places) {
      if (place.node === fx.self) continue;
      if (same && place.standsInFor === undefined) alike.push(place);
      else send(task, place);
    }
    sendAlike(task, alike);
    for (const primary of uncovered) keepHintHere(task, primary);
    watch(fx, task, TIME_IS_UP);
  };

  const bodyFor = ({ id, bytes }: PutTask, sync: boolean, owedTo: string[] | undefined) => ({
    partition: id.partition,
    bucket: id.bucket,
    key: id.key,
    object: bytes,
    sync,
    owedTo,
  });

  const optionsFor = ({ deadlineMs, barrier }: PutTask) => ({
    timeoutMs: Math.max(1, deadlineMs - fx.clock.monotonicMs()),
    barrier,
  });

  /** One message to several primaries, packed once. */
  const sendAlike = (task: PutTask, places: readonly Placement[]) => {
    for (const place of places) sent(task.tally, place);
    const body = bodyFor(task, task.syncsWanted > 0, undefined);
    task.syncsWanted -= places.length;
    const options = optionsFor(task);
    const addresses = places.map((place) => storageAddress(place.node));
    fx.bus.callEach(addresses, replicaWrite, body, options, (to, error, reply) =>
      onReply(task, places[addresses.indexOf(to)]!, error, reply),
    );
  };

  const send = (task: PutTask, place: Placement) => {
    sent(task.tally, place);
    const sync = task.syncsWanted > 0;
    task.syncsWanted -= 1;
    const owedTo = place.standsInFor === undefined ? undefined : [place.standsInFor];
    if (owedTo !== undefined) fx.counters.hintsWritten += 1;
    if (place.node === fx.self) {
      writeHere(task, place, sync, owedTo);
      return;
    }
    fx.bus.call(
      storageAddress(place.node),
      replicaWrite,
      bodyFor(task, sync, owedTo),
      optionsFor(task),
      (error, reply) => onReply(task, place, error, reply),
    );
  };

  const onReply = (
    task: PutTask,
    place: Placement,
    error: BusFailure | undefined,
    reply: ReplicaWriteReply | undefined,
  ) => {
    heard(fx, task, place, error);
    onOutcome(task, place, error, reply);
  };

  const writeHere = (task: PutTask, place: Placement, sync: boolean, owedTo: string[] | undefined) => {
    const { actor, barrier } = task;
    const options = { sync, actor, barrier };
    const ended = (error: Error | undefined, result: WriteResult | undefined) => {
      if (error !== undefined) {
        fx.versioner.taint(task.recordKey);
        fx.onFault(error, 'local write');
      }
      inFlight.end(task.recordKey);
      if (error !== undefined || owedTo !== undefined) onOutcome(task, place, error, result);
      else settle(task, place, result);
    };
    if (owedTo === undefined) fx.store.submit(task.id, task.bytes, options, ended);
    else
      fx.store.writeHint(task.id, task.bytes, owedTo, options).then(
        (result) => ended(undefined, result),
        (error: Error) => ended(error, undefined),
      );
  };

  /** Committed here: what this node acknowledges to itself counts as what it acknowledges to others. */
  const settle = (task: PutTask, place: Placement, result: WriteResult | undefined) => {
    fx.owner.settle(bodyFor(task, false, undefined), optionsFor(task), (error) =>
      onOutcome(task, place, error, result),
    );
  };

  /** No node is left to stand in for the primary: this one keeps the hint itself, which does not count. */
  const keepHintHere = (task: PutTask, primary: string) => {
    if (primary === fx.self) return;
    const place = newPlace(fx.self, primary, false);
    sent(task.tally, place);
    fx.counters.hintsWritten += 1;
    const { id, bytes, barrier } = task;
    fx.store.writeHint(id, bytes, [primary], { barrier }).then(
      (result) => onOutcome(task, place, undefined, result),
      (error: Error) => onOutcome(task, place, error, undefined),
    );
  };

  const onOutcome = (
    task: PutTask,
    place: Placement,
    error: Error | undefined,
    reply: ReplicaWriteReply | WriteResult | undefined,
  ) => {
    if (task.teller === undefined) return;
    if (error !== undefined || reply === undefined) {
      const code = codeOf(error);
      if (!certainlyNot.has(code)) task.mayHaveApplied = true;
      failed(task.tally, place, code);
      task.teller.send(FAILED);
      return;
    }
    task.mayHaveApplied = true;
    answered(task.tally, place, reply.durable);
    if (isNews(task)) task.teller.send(ACKNOWLEDGED);
  };

  /** An acknowledgement that changes nothing yet is counted, and not told: an event costs more than all else that it would do. */
  const isNews = ({ tally, plan, done }: PutTask): boolean =>
    isSettled(tally) || (done !== undefined && (isMet(tally) || isHopeless(tally, spares(plan))));

  /** At the deadline nobody waits for another stand-in to acknowledge: what is still owed then is kept here. */
  const leaveHints = (task: PutTask) => {
    const isOver = fx.clock.monotonicMs() >= task.deadlineMs;
    for (const place of [...task.plan.places]) {
      if (place.covered || (place.state !== 'failed' && place.state !== 'silent')) continue;
      place.covered = true;
      if (task.tally.durable < task.tally.durableRequired) task.syncsWanted = 1;
      const primary = place.standsInFor ?? place.node;
      const standIn = isOver ? undefined : addStandIn(task.plan, primary);
      if (standIn !== undefined) send(task, standIn);
      else keepHintHere(task, primary);
    }
  };

  /** The tally also awaits hints that this node keeps itself, which have no place in the plan. */
  const outcomeOf = ({ mayHaveApplied, tally, plan }: PutTask): WriteOutcome => {
    const isAwaited = !isSettled(tally) || plan.places.some((place) => place.state === 'silent');
    return mayHaveApplied || isAwaited ? 'indeterminate' : 'not-applied';
  };

  const unavailable = (task: PutTask): Error => {
    const { required, durableRequired, answers, durable, failures } = task.tally;
    const outcome = outcomeOf(task);
    if (fx.clock.monotonicMs() >= task.deadlineMs) return new RequestDeadlineError(task.timeoutMs, outcome);
    if (failures.includes('HINTS_FULL')) return new HintsFullError(required, answers, outcome);
    if (answers < required) return new QuorumUnavailableError(required, answers, outcome, failures);
    return new QuorumUnavailableError(durableRequired, durable, outcome, failures);
  };

  const finish = (task: PutTask, error: Error | undefined) => {
    const { done } = task;
    task.done = undefined;
    done?.(error);
  };

  const release = (task: PutTask) => {
    if (task.timer !== undefined) fx.wheel.cancel(task.timer);
    const teller = task.teller!;
    task.teller = undefined;
    task.bytes = NOTHING;
    fx.counters.stories -= 1;
    pool.release(teller);
  };

  const pool = new RequestPool<PutEvent>(
    flatLogic(
      putMachine.provide({
        actions: {
          replicate: ({ context }) => replicate(context.task!),
          leaveHints: ({ context }) => leaveHints(context.task!),
          answer: ({ context }) => finish(context.task!, undefined),
          failUnavailable: ({ context }) => finish(context.task!, unavailable(context.task!)),
          failDeadline: ({ context }) =>
            finish(context.task!, new RequestDeadlineError(context.task!.timeoutMs, outcomeOf(context.task!))),
          release: ({ context }) => release(context.task!),
        },
      }),
    ),
    { maxIdle: 512, onError: (error) => fx.onFault(error as Error, 'put machine') },
  );

  return (task) => {
    fx.counters.stories += 1;
    task.teller = pool.take();
    task.teller.send({ type: 'put.start', task });
  };
}
