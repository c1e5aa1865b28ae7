import { assign, fromPromise, setup } from 'xstate';

export interface NodeLifeContext {
  /** Set once: what made the start fail, or the stop exceed its limit. */
  readonly failure: unknown;
  readonly stopRequested: boolean;
}

export type NodeLifeEvent = { readonly type: 'stop.requested' };

const step = () => fromPromise<void>(() => Promise.resolve());

/** A step of the start: then the next one, unless the node was told to stop meanwhile or the step failed. */
function starting<const Source extends string, const Next extends string>(src: Source, next: Next) {
  return {
    invoke: {
      src,
      onDone: [{ guard: 'isStopRequested', target: '#node.stopping' }, { target: next }],
      onError: { target: '#node.stopping', actions: 'noteFailure' },
    },
  } as const;
}

/** A step of the stop: whatever comes of it, the next one is taken. */
function stopping<const Source extends string, const Next extends string>(src: Source, next: Next) {
  return {
    invoke: { src, onDone: { target: next }, onError: { target: next, actions: 'reportStopFailure' } },
  } as const;
}

/**
 * The life of a node. Nothing is served before the store is open; HTTP listens early, but answers `NOT_READY` until `serving`. The stop takes
 * the same way back, whichever step the start had reached: a part that was never made has nothing to close.
 */
export const nodeMachine = setup({
  types: {
    context: {} as NodeLifeContext,
    events: {} as NodeLifeEvent,
  },
  actors: {
    openStore: step(),
    openHttp: step(),
    claimRun: step(),
    connectBus: step(),
    serveStorage: step(),
    joinCluster: step(),
    startCoordinator: step(),
    startAntiEntropy: step(),
    drainHttp: step(),
    closeAntiEntropy: step(),
    closeCoordinator: step(),
    leaveMembership: step(),
    closeBus: step(),
    handRunOver: step(),
    closeStore: step(),
  },
  guards: {
    isStopRequested: ({ context }) => context.stopRequested,
    hasFailed: ({ context }) => context.failure !== undefined,
  },
  actions: {
    noteStopRequested: assign({ stopRequested: true }),
    noteFailure: assign(({ context, event }) => ({
      failure: context.failure ?? ('error' in event ? event.error : undefined),
    })),
    /** A part that would not close in order; the stop goes on. */
    reportStopFailure: () => undefined,
    noteStopTimedOut: () => undefined,
  },
  delays: { stopLimit: 5000 },
}).createMachine({
  id: 'node',
  context: { failure: undefined, stopRequested: false },
  initial: 'starting',
  states: {
    starting: {
      initial: 'openingStore',
      on: { 'stop.requested': { actions: 'noteStopRequested' } },
      states: {
        openingStore: starting('openStore', 'openingHttp'),
        openingHttp: starting('openHttp', 'claimingRun'),
        claimingRun: starting('claimRun', 'connectingBus'),
        connectingBus: starting('connectBus', 'servingStorage'),
        servingStorage: starting('serveStorage', 'joiningCluster'),
        joiningCluster: starting('joinCluster', 'startingCoordinator'),
        startingCoordinator: starting('startCoordinator', 'startingAntiEntropy'),
        startingAntiEntropy: starting('startAntiEntropy', '#node.serving'),
      },
    },
    serving: { on: { 'stop.requested': 'stopping' } },
    stopping: {
      initial: 'drainingHttp',
      after: { stopLimit: { target: 'failed', actions: 'noteStopTimedOut' } },
      states: {
        drainingHttp: stopping('drainHttp', 'closingAntiEntropy'),
        closingAntiEntropy: stopping('closeAntiEntropy', 'closingCoordinator'),
        closingCoordinator: stopping('closeCoordinator', 'leavingMembership'),
        leavingMembership: stopping('leaveMembership', 'closingBus'),
        closingBus: stopping('closeBus', 'handingRunOver'),
        handingRunOver: stopping('handRunOver', 'closingStore'),
        closingStore: stopping('closeStore', 'ended'),
        ended: { always: [{ guard: 'hasFailed', target: '#node.failed' }, { target: '#node.stopped' }] },
      },
    },
    stopped: { type: 'final' },
    failed: { type: 'final' },
  },
});
