import { assign, fromPromise, setup } from 'xstate';
import type { CollectableRecord } from './collect-contract.ts';

/** What a collection has found so far. */
export interface Proven {
  readonly records: readonly CollectableRecord[];
  readonly barrier: number;
}

export interface CollectionOutcome {
  /** Undefined: it went to its end. */
  readonly error: unknown;
  /** Records that went, and clocks that were shortened, at one primary. */
  readonly collected: number;
}

interface CollectionInput {
  readonly partition: number;
  readonly records: readonly CollectableRecord[];
}

interface CollectionContext extends CollectionInput, CollectionOutcome {
  readonly barrier: number;
  /** How often raising it was tried in vain. */
  readonly failures: number;
}

const notProvided = async (): Promise<never> => {
  throw new Error('the steps of the collection are to be provided');
};

/** A barrier that is raised at some members only hinders writes that are older than it: it is tried so often. */
export const MOST_RAISES = 5;

/**
 * The story of one collection: the primaries prove that all of them hold the same; every member adopts the next barrier, so that nothing older
 * leaves it under that; what was sent before has time to arrive (a courtesy: it would be refused); every member raises the barrier, and the primaries prove once more; what was proven both times is
 * dropped. To end at any point costs nothing but the attempt.
 */
export const collectMachine = setup({
  types: { context: {} as CollectionContext, input: {} as CollectionInput, output: {} as CollectionOutcome },
  actors: {
    prove: fromPromise<Proven, readonly CollectableRecord[]>(notProvided),
    adopt: fromPromise<void, number>(notProvided),
    raise: fromPromise<readonly CollectableRecord[], Proven>(notProvided),
    drop: fromPromise<number, Proven>(notProvided),
  },
  guards: {
    nothingIsProven: (_, records: readonly CollectableRecord[]) => records.length === 0,
    isTriedAgain: ({ context }) => context.failures < MOST_RAISES,
  },
  actions: {
    noteProven: assign((_, { records, barrier }: Proven) => ({ records, barrier })),
    keepProven: assign((_, records: readonly CollectableRecord[]) => ({ records })),
    noteCollected: assign((_, collected: number) => ({ collected })),
    countFailure: assign(({ context }) => ({ failures: context.failures + 1 })),
    noteFailure: assign((_, { error }: { error: unknown }) => ({ error })),
  },
  delays: { courtesy: 2_000, retry: 500 },
}).createMachine({
  id: 'collect',
  context: ({ input: { partition, records } }) => ({
    partition,
    records,
    barrier: 0,
    failures: 0,
    error: undefined,
    collected: 0,
  }),
  initial: 'proving',
  output: ({ context: { error, collected } }) => ({ error, collected }),
  states: {
    proving: {
      invoke: {
        src: 'prove',
        input: ({ context }) => context.records,
        onDone: [
          { guard: { type: 'nothingIsProven', params: ({ event }) => event.output.records }, target: 'finished' },
          { target: 'adopting', actions: { type: 'noteProven', params: ({ event }) => event.output } },
        ],
        onError: {
          target: 'failed',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    adopting: {
      invoke: {
        src: 'adopt',
        input: ({ context }) => context.barrier,
        onDone: 'waitingForOlder',
        onError: {
          target: 'failed',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    waitingForOlder: { after: { courtesy: 'raising' } },
    raising: {
      invoke: {
        src: 'raise',
        input: ({ context: { records, barrier } }) => ({ records, barrier }),
        onDone: [
          { guard: { type: 'nothingIsProven', params: ({ event }) => event.output }, target: 'finished' },
          { target: 'dropping', actions: { type: 'keepProven', params: ({ event }) => event.output } },
        ],
        onError: [
          { guard: 'isTriedAgain', target: 'backingOff', actions: 'countFailure' },
          { target: 'failed', actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) } },
        ],
      },
    },
    backingOff: { after: { retry: 'raising' } },
    dropping: {
      invoke: {
        src: 'drop',
        input: ({ context: { records, barrier } }) => ({ records, barrier }),
        onDone: { target: 'finished', actions: { type: 'noteCollected', params: ({ event }) => event.output } },
        onError: {
          target: 'failed',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    finished: { type: 'final' },
    failed: { type: 'final' },
  },
});
