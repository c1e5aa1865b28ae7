import { assign, fromPromise, setup } from 'xstate';

export type HandOverEvent =
  /** Somebody else did it, or nobody wants it any more. */
  | { readonly type: 'giving.gone' }
  /** A write could not be forwarded: a taker may lack it. */
  | { readonly type: 'forward.missed'; readonly error: unknown };

interface HandOverContext {
  readonly error: unknown;
}

const notProvided = (name: string) => Promise.reject(new Error(`${name} is to be provided`));

/**
 * The story of one partition on its way from this node to others, which begins when this node has begun to forward what it acknowledges: those that are
 * to take the partition fetch what they lack, and say when they hold it all; then the step is concluded, durably: a slot is handed over, or
 * records that this node only kept are forgotten. Whatever fails before ends this attempt, and the forwarding with it; the next attempt moves
 * only what differs by then.
 */
export const handOverMachine = setup({
  types: { context: {} as HandOverContext, events: {} as HandOverEvent },
  actors: {
    /** Asks all takers to fetch what they lack; whether all of them hold everything. */
    askTakers: fromPromise<boolean>(() => notProvided('askTakers')),
    /** Makes it count; false: it is not to be done any more. */
    conclude: fromPromise<boolean>(() => notProvided('conclude')),
  },
  guards: {
    allHold: (_, all: boolean) => all,
    hasCounted: (_, counted: boolean) => counted,
  },
  actions: {
    noteError: assign((_, { error }: { readonly error: unknown }) => ({ error })),
    /** From now on a write that cannot be forwarded is not acknowledged. */
    beginConcluding: () => undefined,
    reportFailure: (_, _params: { error: unknown }) => undefined,
  },
  delays: { pause: 100, retry: 500 },
}).createMachine({
  id: 'handOver',
  context: { error: undefined },
  initial: 'giving',
  states: {
    giving: {
      initial: 'asking',
      on: {
        'giving.gone': 'gone',
        'forward.missed': { target: 'failed', actions: { type: 'noteError', params: ({ event }) => event } },
      },
      states: {
        asking: {
          invoke: {
            src: 'askTakers',
            onDone: [
              { guard: { type: 'allHold', params: ({ event }) => event.output }, target: '#handOver.concluding' },
              { target: 'pausing' },
            ],
            onError: {
              target: '#handOver.failed',
              actions: { type: 'noteError', params: ({ event }) => event },
            },
          },
        },
        pausing: { after: { pause: 'asking' } },
      },
    },
    concluding: {
      entry: 'beginConcluding',
      invoke: {
        src: 'conclude',
        onDone: [
          { guard: { type: 'hasCounted', params: ({ event }) => event.output }, target: 'concluded' },
          { target: 'gone' },
        ],
        onError: {
          target: 'awaitingDisk',
          actions: { type: 'reportFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    awaitingDisk: {
      description: 'It may have been written all the same: what was forwarded until now goes on being forwarded.',
      after: { retry: 'concluding' },
    },
    concluded: { type: 'final' },
    gone: { type: 'final' },
    failed: { type: 'final' },
  },
});
