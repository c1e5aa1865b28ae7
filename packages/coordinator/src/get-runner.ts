import type { BusFailure } from '@ringfort/bus';
import {
  BarrierBehindError,
  checkFilled,
  labelOf,
  type RecordId,
  type ReplicaReadReply,
  replicaRead,
} from '@ringfort/storage';
import { decodeObject, mergeObjects, type VersionedObject } from '@ringfort/versioning';
import { codeOf, type Effects, heard, isUnreachable, storageAddress } from './effects.ts';
import { QuorumUnavailableError, RequestDeadlineError } from './errors.ts';
import { flatLogic } from './flat-logic.ts';
import { getMachine } from './get-machine.ts';
import { type GetEvent, type GetTask, type ReplicaCopy, UNREADABLE } from './get-task.ts';
import { leavePlaces, levelWith, MAX_LEVELLINGS } from './levelling.ts';
import { countable, holdBack, nextInLine, type Placement, planPlaces, spares } from './placement-core.ts';
import { answered, failed, isHopeless, isMet, newTally, sent } from './quorum-core.ts';
import { createReadRepair } from './read-repair.ts';
import { RequestPool } from './request-pool.ts';
import { replicasOf } from './validate.ts';
import { type WatchEvents, watch } from './watch.ts';

const ANSWERED: GetEvent = { type: 'replica.answered' };
const FAILED: GetEvent = { type: 'replica.failed' };
const SLOTS_CHANGED: GetEvent = { type: 'slots.changed' };
const TIME_IS_UP: WatchEvents<GetEvent> = { hedge: { type: 'hedge.due' }, deadline: { type: 'deadline.passed' } };

export interface GetArguments {
  readonly id: RecordId;
  readonly list: readonly string[];
  readonly owners: readonly string[];
  /** The version of the partition's slots. */
  readonly slots: number;
  readonly n: number;
  readonly r: number;
  readonly sloppy: boolean;
  /** This node is no primary but answers for those that cannot be reached. */
  readonly standIn: boolean;
  readonly timeoutMs: number;
}

export type GetDone = (error: Error | undefined, object: VersionedObject | undefined) => void;
export interface GetRunner {
  run(args: GetArguments, done: GetDone): void;
  /** Reads a record from all N and repairs those that lack something, unless that is under way. Calls back with whether all were heard. */
  repair(id: RecordId, done?: (whole: boolean) => void): void;
}

/** The effects of the get machine: asks replicas, folds their answers, repairs. */
export function createGetRunner(fx: Effects): GetRunner {
  const askReplicas = (task: GetTask) => {
    for (const place of task.plan.places) if (place.node !== fx.self) ask(task, place);
    watch(fx, task, TIME_IS_UP);
  };

  const ask = (task: GetTask, place: Placement) => {
    sent(task.tally, place);
    send(task, place);
  };

  const send = (task: GetTask, place: Placement) => {
    const { partition, bucket, key } = task.id;
    const standIn = place.standsInFor === undefined ? undefined : true;
    const body = { partition, bucket, key, have: task.have, standIn, slots: place.owns ? task.slots : undefined };
    const timeoutMs = task.deadlineMs - fx.clock.monotonicMs();
    const options = { timeoutMs, barrier: task.barrier };
    fx.bus.call(storageAddress(place.node), replicaRead, body, options, (error, reply) =>
      onReply(task, place, error, reply),
    );
  };

  const onReply = (
    task: GetTask,
    place: Placement,
    error: BusFailure | undefined,
    reply: ReplicaReadReply | undefined,
  ) => {
    heard(fx, task, place, error);
    if (task.teller === undefined || place.state === 'left') return;
    if (error?.code === 'STALE_SLOTS' && task.levellings > 0) {
      task.levellings -= 1;
      levelWith(fx, place.node, error, (levelled) => onLevelled(task, place, levelled));
      return;
    }
    try {
      if (reply === undefined) throw error;
      checkBarrier(fx, task, reply.barrier);
      if (reply.digest !== undefined && reply.digest !== task.have) fold(task, decodeObject(reply.object!));
      record(task, place, reply.digest);
    } catch (failure) {
      refused(task, place, codeOf(failure));
      task.teller.send(FAILED);
      return;
    }
    task.teller.send(ANSWERED);
  };

  /** The other knows the same as this node now: it is asked again, or all are asked who own the slots by now. */
  const onLevelled = (task: GetTask, place: Placement, levelled: boolean) => {
    if (task.teller === undefined || place.state === 'left') return;
    const isSame = fx.membership.ring.slotVersion(task.id.partition) === task.slots;
    if (levelled && isSame) {
      send(task, place);
      return;
    }
    if (levelled && task.done !== undefined) {
      task.teller.send(SLOTS_CHANGED);
      // What this node holds itself may be enough, or nothing may be.
      if (isMet(task.tally) || isHopeless(task.tally, spares(task.plan))) task.teller.send(ANSWERED);
      return;
    }
    refused(task, place, 'STALE_SLOTS');
    task.teller.send(FAILED);
  };

  const placeAnew = (task: GetTask) => {
    const { partition } = task.id;
    const { ring } = fx.membership;
    const { required } = task.tally;
    leavePlaces(task.plan);
    task.slots = ring.slotVersion(partition);
    const list = ring.preferenceList(partition);
    task.plan = planPlaces(list, task.n, task.plan.sloppy, fx.isUp, required, undefined, ring.owners(partition));
    task.tally = newTally(required);
    task.copies = [];
    if (task.timer !== undefined) fx.wheel.cancel(task.timer);
    readHere(task);
    askReplicas(task);
  };

  /** What this node holds itself, if it is one of those to ask; then as many others are left as are wanted. */
  const readHere = (task: GetTask) => {
    const { plan, tally } = task;
    const here = plan.places.find((place) => place.node === fx.self);
    if (here !== undefined) readAt(task, here);
    holdBack(plan, fx.self, tally.required - tally.answers);
  };

  const readAt = (task: GetTask, place: Placement) => {
    sent(task.tally, place);
    try {
      if (place.standsInFor === undefined) checkFilled(fx.store, task.id.partition);
      const found = place.standsInFor === undefined ? fx.store.read(task.id) : fx.store.readHint(task.id);
      if (found !== undefined) fold(task, found.object);
      task.have = found?.digest;
      record(task, place, found?.digest);
    } catch (error) {
      refused(task, place, codeOf(error));
      if (codeOf(error) !== 'REFILLING') fx.onFault(error as Error, 'local read');
    }
  };

  const askOthers = (task: GetTask) => {
    for (const place of nextInLine(task.plan)) ask(task, place);
  };

  const pool = new RequestPool<GetEvent>(
    flatLogic(
      getMachine.provide({
        actions: {
          askReplicas: ({ context }) => askReplicas(context.task!),
          askOthers: ({ context }) => askOthers(context.task!),
          placeAnew: ({ context }) => placeAnew(context.task!),
          answer: ({ context }) => finish(context.task!, undefined),
          failUnavailable: ({ context }) => finish(context.task!, unavailable(context.task!, fx.clock.monotonicMs())),
          failDeadline: ({ context }) => finish(context.task!, new RequestDeadlineError(context.task!.timeoutMs)),
          repairStale: ({ context }) => repair(context.task!),
          release: ({ context }) => release(context.task!),
        },
      }),
    ),
    { maxIdle: 512, onError: (error) => fx.onFault(error as Error, 'get machine') },
  );

  const release = (task: GetTask) => {
    if (task.timer !== undefined) fx.wheel.cancel(task.timer);
    const teller = task.teller!;
    const { repaired } = task;
    task.teller = undefined;
    task.merged = undefined;
    task.repaired = undefined;
    fx.counters.stories -= 1;
    pool.release(teller);
    repaired?.(false);
  };

  /** A replica was found stale outside of a read: all N are read anew, for the sake of the repair alone. */
  const readAll = (id: RecordId, ended: (whole: boolean) => void) => {
    const { ring } = fx.membership;
    const { partition } = id;
    const n = replicasOf(ring, ring.bucket(id.bucket));
    const [list, owners] = [ring.preferenceList(partition), ring.owners(partition)];
    const slots = ring.slotVersion(partition);
    const timeoutMs = fx.limits.defaultTimeoutMs;
    run({ id, list, owners, slots, n, r: n, sloppy: true, standIn: false, timeoutMs }, () => {}, ended);
  };

  const { repair, repairAll } = createReadRepair(fx, readAll);
  const run = (args: GetArguments, done: GetDone, repaired?: (whole: boolean) => void) => {
    const { list, owners, n, r, sloppy, standIn } = args;
    const plan = planPlaces(list, n, sloppy, fx.isUp, r, standIn ? fx.self : undefined, owners);
    const startMs = fx.clock.monotonicMs();
    const task: GetTask = {
      id: args.id,
      n: Math.min(n, list.length),
      slots: args.slots,
      plan,
      tally: newTally(r),
      refused: countable(plan) < r,
      levellings: standIn ? 0 : MAX_LEVELLINGS,
      timeoutMs: args.timeoutMs,
      startMs,
      deadlineMs: startMs + args.timeoutMs,
      barrier: labelOf(fx.store, args.id.partition, standIn),
      have: undefined,
      merged: undefined,
      copies: [],
      teller: pool.take(),
      timer: undefined,
      done,
      repaired,
    };
    fx.counters.stories += 1;
    if (!task.refused) readHere(task);
    task.teller!.send({ type: 'get.start', task });
  };
  return { run, repair: repairAll };
}

function fold(task: GetTask, object: VersionedObject): void {
  task.merged = task.merged === undefined ? object : mergeObjects(task.merged, object);
}

/**
 * What lies behind a lower barrier than the others goes on behind that one. What lies before this node's own, of a collection that is complete, is
 * no answer: it may be what was collected.
 */
function checkBarrier({ store }: Effects, task: GetTask, barrier: number | undefined): void {
  if (barrier === undefined) return;
  const { partition } = task.id;
  const held = store.barrier(partition);
  if (barrier < held) throw new BarrierBehindError(partition, barrier, held);
  if (barrier < task.barrier) task.barrier = barrier;
}

/** A replica failed, or answered that it cannot. One with a corrupt record is repaired, and counts for nothing until then. */
function refused(task: GetTask, place: Placement, code: string): void {
  failed(task.tally, place, code);
  place.refused = !isUnreachable(code);
  if (code === 'CORRUPT_RECORD') task.copies.push(copyAt(place, UNREADABLE));
}

function copyAt({ node, standsInFor }: Placement, digest: string | undefined): ReplicaCopy {
  return { node, standIn: standsInFor !== undefined, digest };
}

function record(task: GetTask, place: Placement, digest: string | undefined): void {
  task.copies.push(copyAt(place, digest));
  answered(task.tally, place, false);
}

function unavailable(task: GetTask, nowMs: number): Error {
  if (nowMs >= task.deadlineMs) return new RequestDeadlineError(task.timeoutMs);
  return new QuorumUnavailableError(task.tally.required, task.tally.answers, undefined, task.tally.failures);
}

function finish(task: GetTask, error: Error | undefined): void {
  const { done } = task;
  task.done = undefined;
  done?.(error, error === undefined ? task.merged : undefined);
}
