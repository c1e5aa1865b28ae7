import { assign, fromPromise, setup } from 'xstate';
import type { Scanned } from './scrub-walk.ts';

export interface ScrubContext {
  /** Whether a pass is under way. */
  readonly passing: boolean;
  readonly lastBytes: number;
}

const notProvided = async (): Promise<never> => {
  throw new Error('the steps of the scrub are to be provided');
};

/**
 * The story of a scrub: rest until a pass is due or asked for; look at all that the store holds, page by page, at a pace; have what cannot be read
 * made whole by its other owners, as soon as it is found, and again later where these could not all be heard.
 */
export const scrubMachine = setup({
  types: { context: {} as ScrubContext, events: {} as { type: 'scrub.start' } },
  actors: {
    scanPage: fromPromise<Scanned>(notProvided),
    /** Tries to mend all that waits for it. */
    mend: fromPromise<void>(notProvided),
    /** Durably: when the last pass ended. */
    noteEnd: fromPromise<void>(notProvided),
  },
  guards: {
    isWhole: (_, { corrupt }: Scanned) => corrupt.length === 0,
    isOver: (_, { isOver }: Scanned) => isOver,
    isPassing: ({ context }) => context.passing,
    isPeriodic: () => false,
    isWaiting: () => false,
  },
  actions: {
    beginPass: assign({ passing: true }),
    endPass: assign({ passing: false }),
    noteScanned: assign((_, { bytes }: Scanned) => ({ lastBytes: bytes })),
    tellScanned: (_, _params: Scanned) => {},
    /** The pass begins anew the next time. */
    forgetWalk: () => {},
    tellFailure: (_, _params: { error: unknown }) => {},
  },
  delays: { untilDue: 0, retry: 10_000, pace: 0 },
}).createMachine({
  id: 'scrub',
  context: { passing: false, lastBytes: 0 },
  initial: 'resting',
  states: {
    resting: {
      on: { 'scrub.start': { target: 'scanning', actions: 'beginPass' } },
      after: {
        untilDue: { guard: 'isPeriodic', target: 'scanning', actions: 'beginPass' },
        retry: [{ guard: 'isWaiting', target: 'mending' }],
      },
    },
    scanning: {
      invoke: {
        src: 'scanPage',
        onDone: [
          { guard: { type: 'isOver', params: ({ event }) => event.output }, target: 'ending' },
          {
            guard: { type: 'isWhole', params: ({ event }) => event.output },
            target: 'pacing',
            actions: [
              { type: 'noteScanned', params: ({ event }) => event.output },
              { type: 'tellScanned', params: ({ event }) => event.output },
            ],
          },
          {
            target: 'mending',
            actions: [
              { type: 'noteScanned', params: ({ event }) => event.output },
              { type: 'tellScanned', params: ({ event }) => event.output },
            ],
          },
        ],
        onError: {
          target: 'resting',
          actions: ['endPass', 'forgetWalk', { type: 'tellFailure', params: ({ event }) => ({ error: event.error }) }],
        },
      },
    },
    mending: {
      invoke: {
        src: 'mend',
        onDone: [{ guard: 'isPassing', target: 'pacing' }, { target: 'resting' }],
        onError: [
          {
            guard: 'isPassing',
            target: 'pacing',
            actions: { type: 'tellFailure', params: ({ event }) => ({ error: event.error }) },
          },
          {
            target: 'resting',
            actions: { type: 'tellFailure', params: ({ event }) => ({ error: event.error }) },
          },
        ],
      },
    },
    pacing: { after: { pace: 'scanning' } },
    ending: {
      invoke: {
        src: 'noteEnd',
        onDone: { target: 'resting', actions: 'endPass' },
        onError: {
          target: 'resting',
          actions: ['endPass', { type: 'tellFailure', params: ({ event }) => ({ error: event.error }) }],
        },
      },
    },
  },
});
