import { assign, fromPromise, type SnapshotFrom, setup } from 'xstate';
import type { Standing } from './founding-core.ts';
import type { MembershipState } from './port.ts';

export interface MembershipContext {
  /** Where this node stands by the history it knows. */
  readonly standing: Standing;
  /** Whether its own id is among its seeds. */
  readonly founder: boolean;
}

export type MembershipMachineEvent =
  | { readonly type: 'history.changed'; readonly standing: Standing }
  | { readonly type: 'leave.start' };

/**
 * How a node becomes a member. A founder first asks the other seeds what they know, and writes its own founding record only when none of
 * them knows a reason against it: so a founder whose data directory was wiped takes its old place instead of founding anew.
 */
export const membershipMachine = setup({
  types: {
    context: {} as MembershipContext,
    events: {} as MembershipMachineEvent,
    input: {} as MembershipContext,
  },
  actors: {
    /** Resolves once every other seed has answered or failed; rejects when it cannot be told (this node is cut off). */
    askSeeds: fromPromise<void>(() => Promise.resolve()),
    /** Persists this node's founding record, once; resolves when it counts. */
    authorFounding: fromPromise<void>(() => Promise.resolve()),
    /** Puts this node's empty store in the place of the one that it has lost, durably; resolves when that counts, or must not be any more. */
    takePlace: fromPromise<void>(() => Promise.resolve()),
    /** Stops the rounds and the services; resolves when nothing is under way any more. */
    leave: fromPromise<void>(() => Promise.resolve()),
  },
  guards: {
    isMember: ({ context }) => context.standing.kind === 'member',
    isReplaced: ({ context }) => context.standing.kind === 'replaced',
    isSuperseded: ({ context }) => context.standing.kind === 'replaced' && !context.standing.refillable,
    isRefillable: ({ context }) => context.standing.kind === 'replaced' && context.standing.refillable,
    isStranger: ({ context }) => context.standing.kind === 'stranger',
    isUnfounded: ({ context }) => context.standing.kind === 'unfounded',
    hasAuthored: ({ context }) => context.standing.kind === 'unfounded' && context.standing.authored,
    isFounder: ({ context }) => context.founder,
  },
  actions: {
    noteStanding: assign(({ context, event }) => ('standing' in event ? { standing: event.standing } : context)),
    /** The effect that was tried failed; it is tried again, or given up when leaving. */
    logFailure: (_, _params: { error: unknown }) => undefined,
  },
  delays: { retryDelay: 500 },
}).createMachine({
  id: 'membership',
  context: ({ input }) => input,
  initial: 'joining',
  on: {
    'history.changed': { actions: 'noteStanding' },
    'leave.start': '.leaving',
  },
  states: {
    joining: {
      initial: 'weighingHistory',
      always: [
        { guard: 'isMember', target: 'member' },
        { guard: 'isRefillable', target: 'returning' },
        { guard: 'isReplaced', target: 'refused' },
      ],
      states: {
        weighingHistory: {
          always: [
            { guard: 'isStranger', target: 'outside' },
            { guard: 'hasAuthored', target: 'awaitingFounders' },
            { guard: 'isFounder', target: 'askingSeeds' },
            { target: 'awaitingFounding' },
          ],
        },
        askingSeeds: {
          always: { guard: 'isStranger', target: 'outside' },
          invoke: {
            src: 'askSeeds',
            onDone: 'authoringFounding',
            onError: {
              target: 'awaitingConnection',
              actions: { type: 'logFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
        },
        awaitingConnection: {
          always: { guard: 'isStranger', target: 'outside' },
          after: { retryDelay: 'askingSeeds' },
        },
        authoringFounding: {
          always: [
            { guard: 'isStranger', target: 'outside' },
            { guard: 'hasAuthored', target: 'awaitingFounders' },
          ],
          invoke: {
            src: 'authorFounding',
            onDone: 'awaitingFounders',
            onError: {
              target: 'awaitingDisk',
              actions: { type: 'logFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
        },
        awaitingDisk: {
          always: { guard: 'isStranger', target: 'outside' },
          after: { retryDelay: 'authoringFounding' },
        },
        awaitingFounders: {
          description: 'Its own record is written; the others are still to be heard of.',
          always: { guard: 'isStranger', target: 'outside' },
        },
        awaitingFounding: {
          description: 'Not a founder itself, and no complete founding is known.',
          always: { guard: 'isStranger', target: 'outside' },
        },
        outside: {
          description: 'The cluster is founded without this node: an operator must add it.',
        },
      },
    },
    returning: {
      description:
        'The cluster knows this id with a store that is lost. An empty one takes its place, and is then filled by the others.',
      initial: 'takingPlace',
      always: [
        { guard: 'isMember', target: 'member' },
        { guard: 'isStranger', target: 'joining.outside' },
        { guard: 'isSuperseded', target: 'refused' },
      ],
      states: {
        takingPlace: {
          invoke: {
            src: 'takePlace',
            onDone: 'awaitingRetry',
            onError: {
              target: 'awaitingRetry',
              actions: { type: 'logFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
        },
        awaitingRetry: { after: { retryDelay: 'takingPlace' } },
      },
    },
    member: {
      always: [
        { guard: 'isReplaced', target: 'refused' },
        { guard: 'isStranger', target: 'joining.outside' },
      ],
    },
    refused: {
      description: 'The cluster knows this id with another store, and this one is not empty. The node does not serve.',
    },
    leaving: {
      invoke: {
        src: 'leave',
        onDone: 'left',
        onError: { target: 'left', actions: { type: 'logFailure', params: ({ event }) => ({ error: event.error }) } },
      },
    },
    left: { type: 'final' },
  },
});

/** What the port tells of the machine: its state in the port's words, and why the node is not (yet) a member. */
export function portStateOf(snapshot: SnapshotFrom<typeof membershipMachine>): {
  state: MembershipState;
  reason?: string;
} {
  if (snapshot.matches('member')) return { state: 'member' };
  if (snapshot.matches('refused')) return { state: 'refused', reason: 'STORE_REPLACED' };
  if (snapshot.matches('returning')) return { state: 'joining', reason: 'TAKING_PLACE' };
  if (snapshot.matches('leaving')) return { state: 'leaving' };
  if (snapshot.matches('left')) return { state: 'left' };
  if (snapshot.matches({ joining: 'outside' })) return { state: 'joining', reason: 'NOT_A_MEMBER' };
  const asking = snapshot.matches({ joining: 'askingSeeds' }) || snapshot.matches({ joining: 'awaitingConnection' });
  return { state: 'joining', reason: asking ? 'ASKING_SEEDS' : 'FOUNDING_INCOMPLETE' };
}
