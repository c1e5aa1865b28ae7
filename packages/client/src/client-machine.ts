import { setup } from 'xstate';

export type ClientEvent =
  | { readonly type: 'bus.connected' }
  | { readonly type: 'bus.disconnected' }
  | { readonly type: 'ring.learnt' }
  | { readonly type: 'close' };

/**
 * How the client can reach the cluster. No request is an event of this machine (an event costs microseconds, a request must cost few):
 * requests read the mode, and those that find no connection wait for the entry of the next state.
 */
export const clientMachine = setup({
  types: {
    events: {} as ClientEvent,
    input: {} as { knowsRing: () => boolean },
    context: {} as { knowsRing: () => boolean },
  },
  guards: { knowsRing: ({ context }) => context.knowsRing() },
  actions: {
    /** Asks any node for the membership history. */
    refreshView: () => {},
    /** Sends what waited for a connection. */
    resumeWaiting: () => {},
    /** Fails what waited. */
    failWaiting: () => {},
  },
}).createMachine({
  id: 'client',
  initial: 'connecting',
  context: ({ input }) => input,
  on: { close: '.closed' },
  states: {
    connecting: {
      description: 'No connection to NATS: requests wait, within their deadlines.',
      on: {
        'bus.connected': [{ guard: 'knowsRing', target: 'routing', actions: 'refreshView' }, { target: 'viewless' }],
      },
    },
    viewless: {
      description: 'No ring is known: any node is asked, and forwards.',
      entry: ['refreshView', 'resumeWaiting'],
      on: { 'ring.learnt': 'routing', 'bus.disconnected': 'connecting' },
    },
    routing: {
      description: 'Requests go to the first healthy node of the preference list of their key.',
      entry: 'resumeWaiting',
      on: { 'bus.disconnected': 'connecting' },
    },
    closed: { type: 'final', entry: 'failWaiting' },
  },
});

export type ClientMode = 'connecting' | 'viewless' | 'routing' | 'closed';
