import { assign, setup } from 'xstate';
import type { GetEvent, GetTask } from './get-task.ts';
import { spares } from './placement-core.ts';
import { isHopeless, isMet, isSettled } from './quorum-core.ts';

/** This node's own copy cannot be read, and the others, who have not been asked yet, are too few. */
function isBeyondReach({ tally, plan }: GetTask): boolean {
  if (tally.failures.length === 0) return false;
  const asked = plan.places.filter((place) => place.counts && place.state === 'awaited');
  return tally.answers + asked.length + spares(plan) < tally.required;
}

/**
 * The story of a get (paper sections 4.5 and 4.7): as many replicas are asked as the quorum takes, others when one of them fails or is silent; R answers
 * make the reply, late ones are still awaited, and then stale replicas are repaired, those that were not asked included. When the owners
 * turn out to be others than the request was placed by, it is placed anew. One root actor tells many such stories one after the other.
 */
export const getMachine = setup({
  types: {
    context: {} as { task: GetTask | undefined },
    events: {} as GetEvent,
  },
  guards: {
    quorumMet: ({ context }) => isMet(context.task!.tally),
    quorumHopeless: ({ context }) => isHopeless(context.task!.tally, spares(context.task!.plan)),
    allSettled: ({ context }) => isSettled(context.task!.tally),
    metByItself: ({ event }) => event.type === 'get.start' && isMet(event.task.tally),
    hopelessByItself: ({ event }) => event.type === 'get.start' && isBeyondReach(event.task),
    refusedByItself: ({ event }) => event.type === 'get.start' && event.task.refused,
  },
  actions: {
    take: assign(({ event }) => (event.type === 'get.start' ? { task: event.task } : {})),
    askReplicas: () => {},
    askOthers: () => {},
    placeAnew: () => {},
    answer: () => {},
    failUnavailable: () => {},
    failDeadline: () => {},
    repairStale: () => {},
    release: () => {},
  },
}).createMachine({
  id: 'get',
  context: { task: undefined },
  initial: 'idle',
  states: {
    idle: {
      on: {
        'get.start': [
          { guard: 'refusedByItself', target: 'idle', actions: ['take', 'failUnavailable', 'release'] },
          { guard: 'metByItself', target: 'awaitingLateAnswers', actions: ['take', 'askReplicas', 'answer'] },
          {
            guard: 'hopelessByItself',
            target: 'awaitingLateAnswers',
            actions: ['take', 'askReplicas', 'failUnavailable'],
          },
          { target: 'awaitingReplicas', actions: ['take', 'askReplicas'] },
        ],
      },
    },
    awaitingReplicas: {
      on: {
        'replica.answered': [
          { guard: 'quorumMet', target: 'awaitingLateAnswers', actions: 'answer' },
          { guard: 'quorumHopeless', target: 'awaitingLateAnswers', actions: 'failUnavailable' },
        ],
        'replica.failed': [
          { guard: 'quorumHopeless', target: 'awaitingLateAnswers', actions: 'failUnavailable' },
          { actions: 'askOthers' },
        ],
        'slots.changed': { actions: 'placeAnew' },
        'hedge.due': { actions: 'askOthers' },
        'deadline.passed': { target: 'idle', actions: ['failDeadline', 'release'] },
      },
    },
    awaitingLateAnswers: {
      always: { guard: 'allSettled', target: 'idle', actions: ['repairStale', 'release'] },
      on: {
        'replica.answered': {},
        'replica.failed': {},
        'deadline.passed': { target: 'idle', actions: ['repairStale', 'release'] },
      },
    },
  },
});
