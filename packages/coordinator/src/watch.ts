import type { Deadline } from '@ringfort/bus';
import type { Effects } from './effects.ts';
import type { PlacementPlan } from './placement-core.ts';
import { fellSilent, type Tally } from './quorum-core.ts';
import type { PooledActor } from './request-pool.ts';

/** A timer that comes so late means that this process was held up itself: the answers may lie unread. */
const OWN_LAG_MS = 50;

/** The part of a request's task that time is kept for. */
export interface Watched<Event> {
  readonly plan: PlacementPlan;
  readonly tally: Tally;
  readonly deadlineMs: number;
  teller: PooledActor<Event> | undefined;
  timer: Deadline | undefined;
}

/** What is told when time is up. */
export interface WatchEvents<Event> {
  readonly hedge: Event;
  readonly deadline: Event;
}

/**
 * Keeps time for one request: after the hedge, replicas that are still silent are taken for hung and the machine is told; at the deadline it is
 * told so. A late timer is no evidence against anybody: the hedge then starts anew.
 */
export function watch<Event>(fx: Effects, task: Watched<Event>, events: WatchEvents<Event>): void {
  const dueMs = Math.min(fx.clock.monotonicMs() + fx.responseTime.hedgeMs, task.deadlineMs);
  task.timer = fx.wheel.add(dueMs, () => {
    if (task.teller === undefined) return;
    const nowMs = fx.clock.monotonicMs();
    if (nowMs < task.deadlineMs && nowMs - dueMs > OWN_LAG_MS) watch(fx, task, events);
    else onDue(fx, task, events);
  });
}

function onDue<Event>(fx: Effects, task: Watched<Event>, events: WatchEvents<Event>): void {
  for (const place of task.plan.places) {
    if (place.state !== 'awaited' || place.node === fx.self) continue;
    fx.membership.reportFailure(place.node, 'timeout');
    fellSilent(task.tally, place);
  }
  if (fx.clock.monotonicMs() >= task.deadlineMs) {
    task.teller!.send(events.deadline);
    return;
  }
  task.timer = fx.wheel.add(task.deadlineMs, () => {
    if (task.teller !== undefined) onDue(fx, task, events);
  });
  task.teller!.send(events.hedge);
}
