import { and, assign, fromPromise, not, setup } from 'xstate';
import type { TransferFrame } from './transfer-contract.ts';
import * as credits from './transfer-credit-core.ts';
import { judgeLeaves, type Leaves, type Verdict } from './transfer-leaves-core.ts';
import type { TransferLimits } from './transfer-limits.ts';
import { nextPass, startedOver, type TransferState } from './transfer-state-core.ts';

/** What the source answered to an attempt to open a stream. */
export interface StreamOpened {
  readonly state: TransferState;
  /** What had been sent means nothing any more (another store, another barrier): the stream is to be opened from the start. */
  readonly startsOver: boolean;
  readonly totalRecords: number | undefined;
}

/** Both sides' leaves, read one after the other. */
export interface LeavesCompared {
  readonly state: TransferState;
  /** Nothing was sent yet: what differs is to be sent, not waited for. */
  readonly isFirst: boolean;
  /** The source has another store, or another barrier, than what was sent came from. */
  readonly sourceChanged: boolean;
  readonly unsettled: Leaves;
  readonly ahead: number;
}

export interface ReceiveInput {
  readonly state: TransferState;
  readonly limits: TransferLimits;
}

export interface ReceiveContext extends ReceiveInput {
  readonly credits: credits.Credits;
  readonly totalRecords: number | undefined;
  /** Failures since something was last achieved. */
  readonly failures: number;
  readonly error: unknown;
  readonly comparisons: number;
  readonly compared: Omit<LeavesCompared, 'state'>;
  /** What differed in the comparison before. */
  readonly unsettledBefore: Leaves;
  readonly isAborting: boolean;
}

export type ReceiveEvent =
  | { readonly type: 'frame.arrived'; readonly attempt: number; readonly frame: TransferFrame }
  | { readonly type: 'frame.failed'; readonly attempt: number; readonly error: unknown }
  | { readonly type: 'frame.merged'; readonly state: TransferState }
  | { readonly type: 'merge.failed'; readonly error: unknown }
  | { readonly type: 'abort.start' };

const nothingCompared = { isFirst: false, sourceChanged: false, unsettled: new Map<number, string>(), ahead: 0 };
const notProvided = (name: string) => Promise.reject(new Error(`${name} is to be provided`));

/**
 * The story of one partition on its way to this node: a stream of frames is opened at the source, each frame merged and acknowledged, then both
 * sides' leaves are compared and those that differ are sent again, until nothing differs. (Where this node holds some of the partition already
 * the leaves are compared first.) Whatever fails is tried again from the last
 * acknowledged frame; after too many failures in a row the transfer is stalled, and can be started again where it was.
 *
 * No stream is opened while a frame is being merged: so what is kept durably never goes back, and no acknowledged frame is sent twice.
 */
export const transferReceiveMachine = setup({
  types: {
    context: {} as ReceiveContext,
    events: {} as ReceiveEvent,
    input: {} as ReceiveInput,
  },
  actors: {
    /** Durably counts the attempt, opens the stream, adopts the source's barrier. */
    openStream: fromPromise<StreamOpened, TransferState>(() => notProvided('openStream')),
    compareLeaves: fromPromise<LeavesCompared, TransferState>(() => notProvided('compareLeaves')),
    keepVerified: fromPromise<TransferState, TransferState>(() => notProvided('keepVerified')),
    forgetState: fromPromise<void, TransferState>(() => notProvided('forgetState')),
  },
  guards: {
    isPassComplete: ({ context }) => context.state.isPassComplete,
    isCurrent: ({ context }, { attempt }: { attempt: number }) => attempt === context.state.attempt,
    hasFrameToMerge: ({ context }) => credits.nextToMerge(context.credits) !== undefined,
    wasLastFrame: (_, { state }: { readonly state: TransferState }) => state.isPassComplete,
    isMerging: ({ context }) => context.credits.isMerging,
    isAborting: ({ context }) => context.isAborting,
    hasFailedTooOften: ({ context }) => context.failures >= context.limits.maxFailures,
    startsOver: (_, { startsOver }: StreamOpened) => startsOver,
    sourceChanged: ({ context }) => context.compared.sourceChanged,
    isVerified: ({ context }) => verdictOf(context).type === 'verified',
    mustFetch: ({ context }) => verdictOf(context).type === 'fetch',
  },
  actions: {
    keepState: assign((_, state: TransferState) => ({ state })),
    beginStream: assign(({ context }, { state, totalRecords }: StreamOpened) => ({
      state,
      totalRecords,
      credits: credits.newCredits(state.acked, context.limits.maxFramesInFlight),
    })),
    takeFrame: assign(({ context }, frame: TransferFrame) => ({ credits: credits.arrive(context.credits, frame) })),
    noteAsked: assign(({ context }) => ({ credits: credits.askedAll(context.credits) })),
    noteMergeBegun: assign(({ context }) => ({ credits: credits.mergeBegun(context.credits) })),
    noteMerged: assign(({ context }, state: TransferState) => ({
      state,
      credits: credits.merged(context.credits),
      failures: 0,
    })),
    noteMergeFailed: assign(({ context }) => ({ credits: credits.mergeFailed(context.credits) })),
    noteFailure: assign(({ context }, { error }: { readonly error: unknown }) => ({
      error,
      failures: context.failures + 1,
    })),
    noteCompared: assign(({ context }, { state, ...compared }: LeavesCompared) => ({
      state,
      compared,
      unsettledBefore: compared.isFirst ? compared.unsettled : context.compared.unsettled,
      comparisons: context.comparisons + 1,
      failures: 0,
    })),
    startOver: assign(({ context }) => ({ state: startedOver(context.state, '', 0) })),
    beginNextPass: assign(({ context }) => ({ state: nextPass(context.state, leavesToFetch(context)) })),
    noteAborting: assign({ isAborting: true }),
    /** Asks the source for these frames, as the rate allows. */
    askForFrames: (_, _seqs: readonly number[]) => undefined,
    /** Merges a frame and keeps the state behind it; answers `frame.merged` or `merge.failed`. */
    mergeFrame: (_, _frame: TransferFrame) => undefined,
    /** Tells of a failure after which the transfer goes on. */
    reportFailure: () => undefined,
    reportProgress: () => undefined,
    /** Tells the source that it may forget the stream. */
    closeStream: () => undefined,
  },
  delays: {
    settle: ({ context }) => context.limits.settleMs,
    backoff: ({ context }) => backoffMs(context),
  },
}).createMachine({
  id: 'transferReceive',
  context: ({ input }) => ({
    ...input,
    credits: credits.newCredits(0, input.limits.maxFramesInFlight),
    totalRecords: undefined,
    failures: 0,
    error: undefined,
    comparisons: 0,
    compared: nothingCompared,
    unsettledBefore: new Map(),
    isAborting: false,
  }),
  initial: 'choosing',
  on: { 'abort.start': { target: '.finishingMerge', actions: 'noteAborting' } },
  states: {
    choosing: {
      always: [{ guard: 'isPassComplete', target: 'comparing' }, { target: 'opening' }],
    },
    opening: {
      invoke: {
        src: 'openStream',
        input: ({ context }) => context.state,
        onDone: [
          {
            guard: { type: 'startsOver', params: ({ event }) => event.output },
            target: 'opening',
            reenter: true,
            actions: { type: 'keepState', params: ({ event }) => event.output.state },
          },
          { target: 'streaming', actions: { type: 'beginStream', params: ({ event }) => event.output } },
        ],
        onError: {
          target: 'finishingMerge',
          actions: { type: 'noteFailure', params: ({ event }) => event },
        },
      },
    },
    streaming: {
      description: 'Frames are asked for, arrive, and are merged in order, one at a time.',
      entry: 'reportProgress',
      initial: 'asking',
      states: {
        /** Gives out what credits there are, and merges the frame whose turn it is. */
        asking: {
          entry: [{ type: 'askForFrames', params: ({ context }) => credits.seqsToAsk(context.credits) }, 'noteAsked'],
          always: 'looking',
        },
        looking: {
          always: { guard: 'hasFrameToMerge', target: 'merging' },
        },
        merging: {
          entry: [
            { type: 'mergeFrame', params: ({ context }) => credits.nextToMerge(context.credits)! },
            'noteMergeBegun',
          ],
        },
      },
      on: {
        'frame.arrived': {
          guard: { type: 'isCurrent', params: ({ event }) => event },
          actions: { type: 'takeFrame', params: ({ event }) => event.frame },
        },
        'frame.failed': {
          guard: { type: 'isCurrent', params: ({ event }) => event },
          target: 'finishingMerge',
          actions: { type: 'noteFailure', params: ({ event }) => event },
        },
        'frame.merged': [
          {
            guard: { type: 'wasLastFrame', params: ({ event }) => event },
            target: 'comparing',
            actions: [{ type: 'noteMerged', params: ({ event }) => event.state }, 'reportProgress', 'closeStream'],
          },
          {
            target: '.asking',
            actions: [{ type: 'noteMerged', params: ({ event }) => event.state }, 'reportProgress'],
          },
        ],
        'merge.failed': {
          target: 'finishingMerge',
          actions: ['noteMergeFailed', { type: 'noteFailure', params: ({ event }) => event }],
        },
      },
    },
    comparing: {
      invoke: {
        src: 'compareLeaves',
        input: ({ context }) => context.state,
        onDone: { target: 'judging', actions: { type: 'noteCompared', params: ({ event }) => event.output } },
        onError: {
          target: 'finishingMerge',
          actions: { type: 'noteFailure', params: ({ event }) => event },
        },
      },
    },
    judging: {
      always: [
        { guard: 'sourceChanged', target: 'opening', actions: 'startOver' },
        { guard: 'isVerified', target: 'keeping' },
        { guard: 'mustFetch', target: 'opening', actions: 'beginNextPass' },
        { target: 'settling' },
      ],
    },
    settling: {
      description: 'What is on its way arrives meanwhile.',
      after: { settle: 'comparing' },
    },
    keeping: {
      invoke: {
        src: 'keepVerified',
        input: ({ context }) => context.state,
        onDone: { target: 'verified', actions: { type: 'keepState', params: ({ event }) => event.output } },
        onError: {
          target: 'finishingMerge',
          actions: { type: 'noteFailure', params: ({ event }) => event },
        },
      },
    },
    finishingMerge: {
      description: 'A frame that is being merged still counts.',
      always: [
        { guard: and([not('isMerging'), 'isAborting']), target: 'forgetting' },
        { guard: and([not('isMerging'), 'hasFailedTooOften']), target: 'stalled' },
        { guard: not('isMerging'), target: 'backingOff', actions: 'reportFailure' },
      ],
      on: {
        'frame.merged': { actions: { type: 'noteMerged', params: ({ event }) => event.state } },
        'merge.failed': { actions: 'noteMergeFailed' },
      },
    },
    backingOff: {
      after: { backoff: 'choosing' },
    },
    forgetting: {
      entry: 'closeStream',
      on: { 'abort.start': {} },
      invoke: {
        src: 'forgetState',
        input: ({ context }) => context.state,
        onDone: 'aborted',
        onError: { target: 'stalled', actions: { type: 'noteFailure', params: ({ event }) => event } },
      },
    },
    verified: { type: 'final' },
    stalled: { type: 'final', entry: 'closeStream' },
    aborted: { type: 'final' },
  },
});

function verdictOf({ compared, unsettledBefore, comparisons, limits }: ReceiveContext): Verdict {
  return judgeLeaves(compared.unsettled, unsettledBefore, limits.maxComparisons - comparisons);
}

function leavesToFetch(context: ReceiveContext): Leaves {
  const verdict = verdictOf(context);
  return verdict.type === 'fetch' ? verdict.leaves : new Map();
}

/** Doubles with every failure; the first is as long as `backoffMinMs`. */
export function backoffMs({ failures, limits }: Pick<ReceiveContext, 'failures' | 'limits'>): number {
  return Math.min(limits.backoffMaxMs, limits.backoffMinMs * 2 ** Math.max(0, failures - 1));
}
