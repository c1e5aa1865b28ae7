import { fromPromise, setup } from 'xstate';

/** What a comparison of all partitions that are shared with a peer came to. */
export interface Compared {
  readonly peer: string;
  readonly equal: readonly number[];
  readonly differing: readonly number[];
}

/**
 * The story of a node's rounds: rest until a comparison with a peer is due, compare all that is shared with it in one message, begin exchanges
 * of what differs (a few at a time, each a machine of its own), and go on with the next peer. With nobody up, it waits for somebody.
 */
export const scheduleMachine = setup({
  types: {
    events: {} as
      | { type: 'peer.up'; peer: string }
      /** Other partitions are shared, or this node has become a member. */
      | { type: 'pairs.changed' }
      | { type: 'exchange.ended' },
  },
  actors: {
    compareRoots: fromPromise<Compared>(async () => {
      throw new Error('compareRoots is to be provided');
    }),
  },
  guards: { peerIsDue: () => false, peerIsAwaited: () => false },
  actions: {
    notePeerUp: (_, _params: { peer: string }) => {},
    noteCompared: (_, _params: Compared) => {},
    noteFailure: (_, _params: { error: unknown }) => {},
    beginExchanges: () => {},
  },
  delays: { untilDue: 60_000 },
}).createMachine({
  id: 'schedule',
  initial: 'choosing',
  on: {
    'peer.up': { actions: { type: 'notePeerUp', params: ({ event }) => event } },
    'exchange.ended': { actions: 'beginExchanges' },
  },
  states: {
    choosing: {
      always: [
        { guard: 'peerIsDue', target: 'comparing' },
        { guard: 'peerIsAwaited', target: 'resting' },
        { target: 'awaitingPeers' },
      ],
    },
    comparing: {
      invoke: {
        src: 'compareRoots',
        onDone: {
          target: 'choosing',
          actions: [{ type: 'noteCompared', params: ({ event }) => event.output }, 'beginExchanges'],
        },
        onError: {
          target: 'choosing',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    resting: {
      on: {
        'peer.up': { target: 'choosing', actions: { type: 'notePeerUp', params: ({ event }) => event } },
        'pairs.changed': 'choosing',
      },
      after: { untilDue: 'choosing' },
    },
    awaitingPeers: {
      on: {
        'peer.up': { target: 'choosing', actions: { type: 'notePeerUp', params: ({ event }) => event } },
        'pairs.changed': 'choosing',
      },
    },
  },
});
