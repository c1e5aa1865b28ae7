import { type Actor, assign, createActor, emit, setup } from 'xstate';
import type { LookupReply, LookupRequest, MembershipRecord } from './contract.ts';
import { RingUnfoundedError } from './errors.ts';
import { partitionOf } from './hash-core.ts';
import { emptyHistory, extendHistory, type History, hasNews } from './history-core.ts';
import type { Ring } from './port.ts';

export interface RingContext {
  readonly history: History;
  /** The ring before the last change. */
  readonly previous: Ring;
}

export type RingEvent =
  /** New history records: any order, known ones among them. They must have passed `membershipRecordSchema`. */
  | { readonly type: 'history.recorded'; readonly records: readonly MembershipRecord[] }
  /** The verb of the wire contract, in the shape that the bus bridge gives it. `reply` and `fail` must not throw. */
  | {
      readonly type: 'lookup';
      readonly body: LookupRequest;
      readonly reply: (answer: LookupReply) => void;
      readonly fail: (error: Error) => void;
    };

export interface RingChanged {
  readonly type: 'ring.changed';
  readonly ring: Ring;
  readonly previous: Ring;
}

/** Answers a lookup from the ring as it is. */
function lookUp({ history: { ring } }: RingContext, { bucket, key }: LookupRequest): LookupReply {
  const partition = partitionOf(bucket, key, ring.partitions);
  return { partition, preferenceList: [...ring.preferenceList(partition)], version: ring.version };
}

/** Takes history records, holds the ring that they fold to, and answers lookups once the cluster is founded. */
export const ringMachine = setup({
  types: {
    context: {} as RingContext,
    events: {} as RingEvent,
    emitted: {} as RingChanged,
    input: {} as { readonly records?: readonly MembershipRecord[] },
  },
  guards: {
    isFounded: ({ context }) => context.history.ring.founded,
    isUnfounded: ({ context }) => !context.history.ring.founded,
    isNews: ({ context, event }) => event.type === 'history.recorded' && hasNews(context.history, event.records),
  },
  actions: {
    foldRecords: assign(({ context, event }) =>
      event.type === 'history.recorded'
        ? { history: extendHistory(context.history, event.records), previous: context.history.ring }
        : context,
    ),
    announceChange: emit(({ context }) => ({
      type: 'ring.changed' as const,
      ring: context.history.ring,
      previous: context.previous,
    })),
    answerLookup: ({ context, event }) => {
      if (event.type === 'lookup') event.reply(lookUp(context, event.body));
    },
    refuseLookup: ({ context, event }) => {
      if (event.type === 'lookup') event.fail(new RingUnfoundedError(context.history.records.length));
    },
  },
}).createMachine({
  id: 'ring',
  context: ({ input }) => ({
    history: extendHistory(emptyHistory, input.records ?? []),
    previous: emptyHistory.ring,
  }),
  initial: 'unfounded',
  on: { 'history.recorded': { guard: 'isNews', actions: ['foldRecords', 'announceChange'] } },
  states: {
    unfounded: {
      always: { guard: 'isFounded', target: 'serving' },
      on: { lookup: { actions: 'refuseLookup' } },
    },
    serving: {
      // A founding can turn out not to be the one that counts: then the other one's records decide.
      always: { guard: 'isUnfounded', target: 'unfounded' },
      on: { lookup: { actions: 'answerLookup' } },
    },
  },
});

export interface RingOptions {
  /** Records known from the start. */
  readonly initial?: readonly MembershipRecord[];
  /** Told when the actor fails, which only a programmer's error can bring about. */
  readonly onError: (error: unknown) => void;
}

export type RingActor = Actor<typeof ringMachine>;

/** A started ring actor. It holds no timer and no socket: `stop()` ends it. */
export function createRing({ initial = [], onError }: RingOptions): RingActor {
  const actor = createActor(ringMachine, { input: { records: initial } });
  actor.subscribe({ error: onError });
  return actor.start();
}

/** The ring that the actor holds. The same object until the history changes. */
export function ringOf(actor: RingActor): Ring {
  return actor.getSnapshot().context.history.ring;
}
