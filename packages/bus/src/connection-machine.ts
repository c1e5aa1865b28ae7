import { setup } from 'xstate';

export type ConnectionEvent =
  | { type: 'transport.connected' }
  | { type: 'transport.disconnected' }
  /** The transport has left, or gave up, for good. */
  | { type: 'transport.closed' }
  | { type: 'close.start' };

/**
 * The life of a bus's connection. Its state is the bus's status. What the actions do is provided by `createBus`.
 */
export const connectionMachine = setup({
  types: { events: {} as ConnectionEvent },
  actions: {
    /** Ends requests in flight `DISCONNECTED`: their frames or answers may be lost. */
    failPendingAsDisconnected: () => {},
    /** Ends requests in flight `BUS_CLOSED`. */
    failPendingAsClosed: () => {},
    /** Drops what was gathered and not sent. */
    dropUnsent: () => {},
  },
}).createMachine({
  id: 'connection',
  initial: 'connecting',
  on: { 'transport.closed': { target: '.closed' } },
  states: {
    connecting: {
      on: { 'transport.connected': 'connected', 'close.start': 'draining' },
    },
    connected: {
      on: { 'transport.disconnected': 'disconnected', 'close.start': 'draining' },
    },
    disconnected: {
      entry: ['dropUnsent', 'failPendingAsDisconnected'],
      on: { 'transport.connected': 'connected', 'close.start': 'draining' },
    },
    draining: {
      on: {
        'transport.disconnected': { actions: ['dropUnsent', 'failPendingAsDisconnected'] },
      },
    },
    closed: {
      entry: ['dropUnsent', 'failPendingAsClosed'],
      type: 'final',
    },
  },
});
