import { assign, setup } from 'xstate';
import { spares } from './placement-core.ts';
import type { PutEvent, PutTask } from './put-task.ts';
import { isHopeless, isMet, isSettled } from './quorum-core.ts';

/**
 * The story of a put (paper sections 4.5 and 4.6): the object is committed here and sent to the other replicas, or their stand-ins, at the same
 * time; W answers make the reply; who fails or stays silent gets a stand-in that keeps a hint, also after the reply. Deletes are puts of
 * a tombstone. When the owners turn out to be others than the write was placed by, it is placed anew: the same object, with those who own
 * the slots by now.
 */
export const putMachine = setup({
  types: {
    context: {} as { task: PutTask | undefined },
    events: {} as PutEvent,
  },
  guards: {
    quorumMet: ({ context }) => isMet(context.task!.tally),
    quorumHopeless: ({ context }) => isHopeless(context.task!.tally, spares(context.task!.plan)),
    allSettled: ({ context }) => isSettled(context.task!.tally),
  },
  actions: {
    take: assign(({ event }) => (event.type === 'put.start' ? { task: event.task } : {})),
    replicate: () => {},
    leaveHints: () => {},
    placeAnew: () => {},
    answer: () => {},
    failUnavailable: () => {},
    failDeadline: () => {},
    release: () => {},
  },
}).createMachine({
  id: 'put',
  context: { task: undefined },
  initial: 'idle',
  states: {
    idle: {
      on: { 'put.start': { target: 'awaitingReplicas', actions: ['take', 'replicate'] } },
    },
    awaitingReplicas: {
      on: {
        'replica.acknowledged': [
          { guard: 'quorumMet', target: 'awaitingLateAnswers', actions: 'answer' },
          { guard: 'quorumHopeless', target: 'awaitingLateAnswers', actions: 'failUnavailable' },
        ],
        'replica.failed': [
          { guard: 'quorumHopeless', target: 'awaitingLateAnswers', actions: ['leaveHints', 'failUnavailable'] },
          { actions: 'leaveHints' },
        ],
        'slots.changed': { actions: 'placeAnew' },
        'hedge.due': { actions: 'leaveHints' },
        'deadline.passed': { target: 'idle', actions: ['leaveHints', 'failDeadline', 'release'] },
      },
    },
    awaitingLateAnswers: {
      always: { guard: 'allSettled', target: 'idle', actions: 'release' },
      on: {
        'replica.acknowledged': {},
        'replica.failed': { actions: 'leaveHints' },
        'hedge.due': { actions: 'leaveHints' },
        'deadline.passed': { target: 'idle', actions: ['leaveHints', 'release'] },
      },
    },
  },
});
