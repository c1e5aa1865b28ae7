import { assign, fromPromise, setup } from 'xstate';
import type { TransferFrame } from './transfer-contract.ts';
import * as stream from './transfer-send-core.ts';

export interface SendInput {
  readonly stream: stream.Stream;
  readonly leaseMs: number;
}

export interface SendContext extends SendInput {
  readonly error: unknown;
}

export type SendEvent =
  | { readonly type: 'frame.asked'; readonly seq: number }
  /** The asker is not to be kept waiting for longer. */
  | { readonly type: 'frame.waitedLong'; readonly seq: number }
  | { readonly type: 'stream.close' };

/**
 * The story of one stream at its source: a frame is read when the receiver has asked for it (its credit) and the rate allows, and answers the
 * request. A receiver that asks for nothing for too long is forgotten; where it was it knows itself.
 */
export const transferSendMachine = setup({
  types: {
    context: {} as SendContext,
    events: {} as SendEvent,
    input: {} as SendInput,
  },
  actors: {
    readFrame: fromPromise<TransferFrame, stream.Stream>(() =>
      Promise.reject(new Error('readFrame is to be provided')),
    ),
  },
  guards: {
    isAskedBehind: ({ context }) => stream.behind(context.stream).length > 0,
    isAskedBeyond: ({ context }) => stream.beyond(context.stream).length > 0,
    canRead: ({ context }) => stream.canRead(context.stream),
    rateAllows: () => true,
  },
  actions: {
    noteAsked: assign(({ context }, { seq }: { seq: number }) => ({ stream: stream.wait(context.stream, seq) })),
    noteAnswered: assign(({ context }, seqs: readonly number[]) => ({ stream: stream.answered(context.stream, seqs) })),
    noteSent: assign(({ context }, frame: TransferFrame) => ({ stream: stream.sent(context.stream, frame) })),
    noteError: assign((_, { error }: { readonly error: unknown }) => ({ error })),
    /** The frame is the answer to who asked for it. */
    answerFrame: (_, _frame: TransferFrame) => undefined,
    /** Not yet: ask again. */
    answerNotYet: (_, _params: { seq: number }) => undefined,
    /** The frame was sent before: whoever still needs it is to open the stream anew. */
    refuseSent: (_, _seqs: readonly number[]) => undefined,
    /** There is no such frame. */
    answerEnded: (_, _seqs: readonly number[]) => undefined,
  },
  delays: {
    untilRateAllows: 0,
    lease: ({ context }) => context.leaseMs,
  },
}).createMachine({
  id: 'transferSend',
  context: ({ input }) => ({ ...input, error: undefined }),
  initial: 'awaitingCredit',
  on: {
    'frame.asked': { actions: { type: 'noteAsked', params: ({ event }) => event } },
    'frame.waitedLong': {
      actions: [
        { type: 'answerNotYet', params: ({ event }) => event },
        { type: 'noteAnswered', params: ({ event }) => [event.seq] },
      ],
    },
    'stream.close': '.closed',
  },
  states: {
    awaitingCredit: {
      always: [
        {
          guard: 'isAskedBehind',
          actions: [
            { type: 'refuseSent', params: ({ context }) => stream.behind(context.stream) },
            { type: 'noteAnswered', params: ({ context }) => stream.behind(context.stream) },
          ],
        },
        {
          guard: 'isAskedBeyond',
          actions: [
            { type: 'answerEnded', params: ({ context }) => stream.beyond(context.stream) },
            { type: 'noteAnswered', params: ({ context }) => stream.beyond(context.stream) },
          ],
        },
        { guard: 'canRead', target: 'awaitingRate' },
      ],
      after: { lease: 'forgotten' },
      on: {
        'frame.asked': {
          target: 'awaitingCredit',
          reenter: true,
          actions: { type: 'noteAsked', params: ({ event }) => event },
        },
      },
    },
    awaitingRate: {
      always: { guard: 'rateAllows', target: 'reading' },
      after: { untilRateAllows: { target: 'awaitingCredit' } },
    },
    reading: {
      // Its answer is on its way.
      on: { 'frame.waitedLong': {} },
      invoke: {
        src: 'readFrame',
        input: ({ context }) => context.stream,
        onDone: {
          target: 'awaitingCredit',
          actions: [
            { type: 'answerFrame', params: ({ event }) => event.output },
            { type: 'noteSent', params: ({ event }) => event.output },
          ],
        },
        onError: { target: 'failed', actions: { type: 'noteError', params: ({ event }) => event } },
      },
    },
    closed: { type: 'final' },
    forgotten: { type: 'final' },
    failed: { type: 'final' },
  },
});
