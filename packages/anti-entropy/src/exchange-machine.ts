import { assign, fromPromise, setup } from 'xstate';
import { ExchangeTimedOutError } from './errors.ts';
import type { Listed, Moved, Page } from './exchange-steps.ts';
import type { RecordName } from './port.ts';

/** What came of an exchange. */
export interface ExchangeOutcome {
  /** Whether it went to its end; what was written meanwhile may differ again. */
  readonly completed: boolean;
  readonly error: unknown;
  /** Records sent to the other side, and records that are others here than before. */
  readonly sent: number;
  readonly received: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

interface ExchangeInput {
  readonly partition: number;
  readonly peer: string;
}

interface ExchangeContext extends ExchangeInput, Omit<ExchangeOutcome, 'completed'> {
  readonly leaves: readonly number[];
  /** Where the next list begins; absent: at the start, or past the end. */
  readonly next: RecordName | undefined;
  readonly page: Page;
  readonly lastBytes: number;
  /** How often it was put off for the sake of hints. */
  readonly delays: number;
}

/** Of hints that are owed for longer an exchange takes no notice. */
export const MOST_DELAYS = 30;

const noPage: Page = { toSend: [], toFetch: [], alone: false };
const isMoved = ({ toSend, toFetch }: Page): boolean => toSend.length + toFetch.length === 0;
const notProvided = async (): Promise<never> => {
  throw new Error('the steps of the exchange are to be provided');
};

/**
 * The story of making two replicas of a partition equal (paper, section 4.7): find the leaves that differ; where these are few, look again a
 * moment later, for they may be a write under way (and while this side owes the other hints, later still); list the records on them; move the objects that differ, page by page, at a pace; end. All
 * that is moved is merged on arrival, so to end at any point, or to do it twice, costs nothing but time.
 */
export const exchangeMachine = setup({
  types: { context: {} as ExchangeContext, input: {} as ExchangeInput, output: {} as ExchangeOutcome },
  actors: {
    compareLeaves: fromPromise<readonly number[]>(notProvided),
    listRecords: fromPromise<Listed, { leaves: readonly number[]; after: RecordName | undefined }>(notProvided),
    moveObjects: fromPromise<Moved, Page>(notProvided),
  },
  guards: {
    nothingDiffers: (_, leaves: readonly number[]) => leaves.length === 0,
    mayBeUnderWay: (_, leaves: readonly number[]) => leaves.length > 0,
    hintsAreOwed: () => false,
    differsNoMore: ({ context }, leaves: readonly number[]) => !context.leaves.some((leaf) => leaves.includes(leaf)),
    pageIsMoved: ({ context }) => isMoved(context.page),
    wasLastPage: ({ context }) => context.next === undefined && isMoved(context.page),
  },
  actions: {
    noteLeaves: assign((_, leaves: readonly number[]) => ({ leaves })),
    keepLeaves: assign(({ context }, leaves: readonly number[]) => ({
      leaves: context.leaves.filter((leaf) => leaves.includes(leaf)),
    })),
    countDelay: assign(({ context }) => ({ delays: context.delays + 1 })),
    noteListed: assign((_, { page, next }: Listed) => ({ page, next })),
    noteMoved: assign(({ context }, moved: Moved) => ({
      page: moved.page,
      sent: context.sent + moved.sent,
      received: context.received + moved.received,
      bytesSent: context.bytesSent + moved.bytesSent,
      bytesReceived: context.bytesReceived + moved.bytesReceived,
      lastBytes: moved.bytesSent + moved.bytesReceived,
    })),
    noteFailure: assign((_, { error }: { error: unknown }) => ({ error })),
    noteTimeout: assign(({ context: { partition, peer } }, step: string) => ({
      error: new ExchangeTimedOutError(partition, peer, step) as unknown,
    })),
  },
  delays: { settle: 1000, pace: 0, stepLimit: 20_000 },
}).createMachine({
  id: 'exchange',
  context: ({ input: { partition, peer } }) => ({
    partition,
    peer,
    leaves: [],
    next: undefined,
    page: noPage,
    lastBytes: 0,
    delays: 0,
    error: undefined,
    sent: 0,
    received: 0,
    bytesSent: 0,
    bytesReceived: 0,
  }),
  initial: 'comparing',
  output: ({ context: { error, sent, received, bytesSent, bytesReceived } }) => ({
    completed: error === undefined,
    error,
    sent,
    received,
    bytesSent,
    bytesReceived,
  }),
  states: {
    comparing: {
      invoke: {
        src: 'compareLeaves',
        onDone: [
          { guard: { type: 'nothingDiffers', params: ({ event }) => event.output }, target: 'finished' },
          {
            guard: { type: 'mayBeUnderWay', params: ({ event }) => event.output },
            target: 'settling',
            actions: { type: 'noteLeaves', params: ({ event }) => event.output },
          },
          { target: 'listing', actions: { type: 'noteLeaves', params: ({ event }) => event.output } },
        ],
        onError: {
          target: 'failed',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
      after: { stepLimit: { target: 'failed', actions: { type: 'noteTimeout', params: 'comparing' } } },
    },
    settling: {
      after: {
        settle: [
          { guard: 'hintsAreOwed', target: 'settling', reenter: true, actions: 'countDelay' },
          { target: 'confirming' },
        ],
      },
    },
    confirming: {
      invoke: {
        src: 'compareLeaves',
        onDone: [
          { guard: { type: 'differsNoMore', params: ({ event }) => event.output }, target: 'finished' },
          { target: 'listing', actions: { type: 'keepLeaves', params: ({ event }) => event.output } },
        ],
        onError: {
          target: 'failed',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
      after: { stepLimit: { target: 'failed', actions: { type: 'noteTimeout', params: 'confirming' } } },
    },
    listing: {
      invoke: {
        src: 'listRecords',
        input: ({ context }) => ({ leaves: context.leaves, after: context.next }),
        onDone: { target: 'turningPage', actions: { type: 'noteListed', params: ({ event }) => event.output } },
        onError: {
          target: 'failed',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
      after: { stepLimit: { target: 'failed', actions: { type: 'noteTimeout', params: 'listing' } } },
    },
    turningPage: {
      always: [
        { guard: 'wasLastPage', target: 'finished' },
        { guard: 'pageIsMoved', target: 'listing' },
        { target: 'moving' },
      ],
    },
    moving: {
      invoke: {
        src: 'moveObjects',
        input: ({ context }) => context.page,
        onDone: { target: 'pacing', actions: { type: 'noteMoved', params: ({ event }) => event.output } },
        onError: {
          target: 'failed',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
      after: { stepLimit: { target: 'failed', actions: { type: 'noteTimeout', params: 'moving' } } },
    },
    pacing: { after: { pace: 'turningPage' } },
    finished: { type: 'final' },
    failed: { type: 'final' },
  },
});
