import { assign, fromPromise, setup } from 'xstate';

/** What came of one page of hints. */
export interface PageDelivered {
  readonly delivered: number;
  readonly bytes: number;
  /** Where the next page starts; absent: this was the last one. */
  readonly next: Uint8Array | undefined;
}

interface HandoffContext {
  readonly target: string;
  readonly cursor: Uint8Array | undefined;
  readonly lastBytes: number;
  readonly failures: number;
}

const BACKOFF_MIN_MS = 250;
const BACKOFF_MAX_MS = 10_000;

/**
 * The story of the hints owed to one node (paper section 4.6): wait until it is up, deliver page after page at a pace it can bear, back off when it
 * fails, end when nothing is owed. A hint is deleted only after the target has acknowledged it; what is still owed at the end is found by
 * the next scan.
 */
export const handoffMachine = setup({
  types: {
    context: {} as HandoffContext,
    events: {} as { type: 'target.up' } | { type: 'target.down' },
    input: {} as { target: string },
  },
  actors: {
    deliverPage: fromPromise<PageDelivered, { target: string; cursor: Uint8Array | undefined }>(async () => {
      throw new Error('deliverPage is to be provided');
    }),
  },
  guards: {
    targetIsUp: () => false,
    wasLastPage: (_, page: PageDelivered) => page.next === undefined,
  },
  actions: {
    turnPage: assign((_, page: PageDelivered) => ({ cursor: page.next, lastBytes: page.bytes, failures: 0 })),
    countFailure: assign(({ context }) => ({ failures: context.failures + 1, cursor: undefined })),
    reportFailure: (_, _params: { error: unknown }) => {},
  },
  delays: {
    pace: ({ context }) => context.lastBytes,
    backoff: ({ context }) => Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** context.failures),
  },
}).createMachine({
  id: 'handoff',
  context: ({ input }) => ({ target: input.target, cursor: undefined, lastBytes: 0, failures: 0 }),
  initial: 'awaitingTarget',
  states: {
    awaitingTarget: {
      always: { guard: 'targetIsUp', target: 'delivering' },
      on: { 'target.up': 'delivering' },
    },
    delivering: {
      invoke: {
        src: 'deliverPage',
        input: ({ context }) => ({ target: context.target, cursor: context.cursor }),
        onDone: [
          { guard: { type: 'wasLastPage', params: ({ event }) => event.output }, target: 'finished' },
          { target: 'pacing', actions: { type: 'turnPage', params: ({ event }) => event.output } },
        ],
        onError: {
          target: 'backingOff',
          actions: ['countFailure', { type: 'reportFailure', params: ({ event }) => ({ error: event.error }) }],
        },
      },
    },
    pacing: { after: { pace: 'delivering' } },
    backingOff: {
      on: { 'target.up': 'delivering' },
      after: { backoff: 'awaitingTarget' },
    },
    finished: { type: 'final' },
  },
});
