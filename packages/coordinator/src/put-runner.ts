import type { BusFailure } from '@ringfort/bus';
import { type ReplicaWriteReply, replicaWrite, type WriteResult } from '@ringfort/storage';
import { codeOf, type Effects, heard, storageAddress } from './effects.ts';
import { RequestDeadlineError } from './errors.ts';
import { flatLogic } from './flat-logic.ts';
import type { InFlightWrites } from './in-flight.ts';
import { leavePlaces, levelWith } from './levelling.ts';
import { addStandIn, place as newPlace, type Placement, planPlaces, spares } from './placement-core.ts';
import { putMachine } from './put-machine.ts';
import { mayHold, outcomeOf, unavailable } from './put-outcome.ts';
import type { PutEvent, PutTask } from './put-task.ts';
import { answered, failed, isHopeless, isMet, isSettled, newTally, sent } from './quorum-core.ts';
import { RequestPool } from './request-pool.ts';
import { type WatchEvents, watch } from './watch.ts';

const ACKNOWLEDGED: PutEvent = { type: 'replica.acknowledged' };
const FAILED: PutEvent = { type: 'replica.failed' };
const SLOTS_CHANGED: PutEvent = { type: 'slots.changed' };
const TIME_IS_UP: WatchEvents<PutEvent> = { hedge: { type: 'hedge.due' }, deadline: { type: 'deadline.passed' } };
const NOTHING = new Uint8Array(0);

/** The effects of the put machine: the local commit and the sends at the same time, stand-ins for those that fail, the answer. */
export function createPutRunner(fx: Effects, inFlight: Pick<InFlightWrites, 'end'>): (task: PutTask) => void {
  const replicate = (task: PutTask) => {
    const { places, uncovered } = task.plan;
    const alike: Placement[] = [];
    const here = places.find((place) => place.node === fx.self);
    if (here !== undefined) takeHere(task, here);
    // Either all that are left are to sync, or none: then the primaries among them get the very same message.
    const same = task.syncsWanted <= 0 || task.syncsWanted >= places.length;
    for (const place of places) {
      if (place.node === fx.self) continue;
      if (same && place.owns) alike.push(place);
      else send(task, place);
    }
    sendAlike(task, alike);
    for (const primary of uncovered) keepHintHere(task, primary);
    watch(fx, task, TIME_IS_UP);
  };

  /** Committed once; when the owners have changed since, it is looked at again. */
  const takeHere = (task: PutTask, here: Placement) => {
    if (task.isSubmitted && here.standsInFor !== undefined) {
      hintHere(task, here, here.standsInFor);
      return;
    }
    sent(task.tally, here);
    const sync = task.syncsWanted > 0;
    task.syncsWanted -= 1;
    if (task.isSubmitted) queueMicrotask(() => settleHere(task));
    else writeHere(task, here, sync);
    task.isSubmitted = true;
  };

  const bodyFor = ({ id, bytes }: PutTask, sync: boolean, owedTo: string[] | undefined, slots: number | undefined) => ({
    partition: id.partition,
    bucket: id.bucket,
    key: id.key,
    object: bytes,
    sync,
    owedTo,
    slots,
  });

  const optionsFor = ({ deadlineMs, barrier }: PutTask) => ({
    timeoutMs: Math.max(1, deadlineMs - fx.clock.monotonicMs()),
    barrier,
  });

  /** One message to several owners, packed once. */
  const sendAlike = (task: PutTask, places: readonly Placement[]) => {
    for (const place of places) sent(task.tally, place);
    const body = bodyFor(task, task.syncsWanted > 0, undefined, task.slots);
    task.syncsWanted -= places.length;
    const options = optionsFor(task);
    const addresses = places.map((place) => storageAddress(place.node));
    fx.bus.callEach(addresses, replicaWrite, body, options, (to, error, reply) =>
      onReply(task, places[addresses.indexOf(to)]!, error, reply),
    );
  };

  const send = (task: PutTask, place: Placement) => {
    if (place.node === fx.self) {
      takeHere(task, place);
      return;
    }
    sent(task.tally, place);
    const sync = task.syncsWanted > 0;
    task.syncsWanted -= 1;
    const owedTo = place.standsInFor === undefined ? undefined : [place.standsInFor];
    if (owedTo !== undefined) fx.counters.hintsWritten += 1;
    sendOnce(task, place, sync, owedTo, place.owns ? task.slots : undefined);
  };

  const sendOnce = (
    task: PutTask,
    place: Placement,
    sync: boolean,
    owedTo: string[] | undefined,
    slots: number | undefined,
  ) => {
    const body = bodyFor(task, sync, owedTo, slots);
    fx.bus.call(storageAddress(place.node), replicaWrite, body, optionsFor(task), (error, reply) =>
      onReply(task, place, error, reply),
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

  const writeHere = (task: PutTask, place: Placement, sync: boolean) => {
    const owedTo = place.standsInFor === undefined ? undefined : [place.standsInFor];
    if (owedTo !== undefined) fx.counters.hintsWritten += 1;
    const { actor, barrier } = task;
    const options = { sync, actor, barrier };
    const ended = (error: Error | undefined, result: WriteResult | undefined) => {
      if (error !== undefined) {
        fx.versioner.taint(task.recordKey);
        fx.onFault(error, 'local write');
      }
      inFlight.end(task.recordKey);
      task.committed = error ?? result;
      if (owedTo === undefined) settleHere(task);
      else onOutcome(task, place, error, result);
    };
    if (owedTo === undefined) fx.store.submit(task.id, task.bytes, options, ended);
    else
      fx.store.writeHint(task.id, task.bytes, owedTo, options).then(
        (result) => ended(undefined, result),
        (error: Error) => ended(error, undefined),
      );
  };

  /** Committed here, or not: what this node acknowledges to itself counts as what it acknowledges to others. */
  const settleHere = (task: PutTask) => {
    const { committed } = task;
    const place = task.teller === undefined ? undefined : placeHere(task);
    if (place === undefined || committed === undefined) return;
    if (committed instanceof Error) {
      onOutcome(task, place, committed, undefined);
      return;
    }
    const asked = bodyFor(task, true, undefined, place.owns ? task.slots : undefined);
    fx.owner.settle(asked, optionsFor(task), (error) => onOutcome(task, place, error, committed));
  };

  const placeHere = ({ plan }: PutTask) =>
    plan.places.find((place) => place.node === fx.self && place.standsInFor === undefined);

  /** No node is left to stand in for the primary: this one keeps the hint itself, which does not count. */
  const keepHintHere = (task: PutTask, primary: string) => {
    if (primary !== fx.self) hintHere(task, newPlace(fx.self, primary, false), primary);
  };

  const hintHere = (task: PutTask, place: Placement, primary: string) => {
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
    task.mayHaveApplied ||= mayHold(error);
    if (!isOpen(place)) return;
    if (error !== undefined || reply === undefined) {
      const code = codeOf(error);
      if (code === 'STALE_SLOTS' && task.levellings > 0) {
        task.levellings -= 1;
        levelWith(fx, place.node, error as BusFailure, (levelled) => onLevelled(task, place, levelled));
        return;
      }
      failed(task.tally, place, code);
      task.teller.send(FAILED);
      return;
    }
    answered(task.tally, place, reply.durable);
    if (isNews(task)) task.teller.send(ACKNOWLEDGED);
  };

  /** The other knows the same as this node now: it is asked again, or all are asked who own the slots by now. */
  const onLevelled = (task: PutTask, place: Placement, levelled: boolean) => {
    if (task.teller === undefined || !isOpen(place)) return;
    const isSame = fx.membership.ring.slotVersion(task.id.partition) === task.slots;
    if (levelled && isSame) sendAgain(task, place, place.owns ? task.slots : undefined);
    // The write is answered: that one may have it too, whoever it is now.
    else if (levelled && task.done === undefined) sendAgain(task, place, undefined);
    else if (levelled) {
      task.teller.send(SLOTS_CHANGED);
      if (isMet(task.tally) || isHopeless(task.tally, spares(task.plan))) task.teller.send(ACKNOWLEDGED);
    } else {
      failed(task.tally, place, 'STALE_SLOTS');
      task.teller.send(FAILED);
    }
  };

  const sendAgain = (task: PutTask, place: Placement, slots: number | undefined) => {
    if (place.node === fx.self) settleHere(task);
    else sendOnce(task, place, true, undefined, slots);
  };

  const placeAnew = (task: PutTask) => {
    const { partition } = task.id;
    const { ring } = fx.membership;
    const { required, durableRequired } = task.tally;
    leavePlaces(task.plan);
    task.slots = ring.slotVersion(partition);
    const list = ring.preferenceList(partition);
    task.plan = planPlaces(list, task.n, task.plan.sloppy, fx.isUp, required, undefined, ring.owners(partition));
    task.tally = newTally(required, durableRequired);
    task.syncsWanted = task.syncs;
    if (task.timer !== undefined) fx.wheel.cancel(task.timer);
    replicate(task);
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
      const standIn = isOver ? undefined : addStandIn(task.plan, primary, place.counts);
      if (standIn !== undefined) send(task, standIn);
      else keepHintHere(task, primary);
    }
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
          placeAnew: ({ context }) => placeAnew(context.task!),
          answer: ({ context }) => finish(context.task!, undefined),
          failUnavailable: ({ context }) => finish(context.task!, unavailable(context.task!, fx.clock.monotonicMs())),
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

/** Whether the place's answer is yet to come. */
function isOpen({ state }: Placement): boolean {
  return state === 'awaited' || state === 'silent';
}
