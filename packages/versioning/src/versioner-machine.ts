import { assign, fromPromise, setup } from 'xstate';

/** What a clean stop leaves for the next start: the run goes on as if it had not been interrupted. */
export interface RunMarker {
  readonly runId: string;
  readonly nextNumber: number;
}

/**
 * Keeps the marker, bound to the identity of the store's directory by whoever implements it: a copied or restored directory must not
 * present one.
 */
export interface RunMarkerStore {
  /** The marker, if there is one. It is durably removed before this resolves: no two starts ever take the same. */
  take(): Promise<RunMarker | undefined>;
  /** Durable when resolved. Called once every record of this run is on disk. */
  leave(marker: RunMarker): Promise<void>;
}

export type VersionerEvent =
  | { readonly type: 'key.tainted' }
  | { readonly type: 'alarm.raised' }
  | { readonly type: 'stop' };

interface VersionerContext {
  /** What the former run handed over; undefined: a fresh run id is drawn. */
  readonly takenOver: RunMarker | undefined;
  readonly failure: unknown;
}

/**
 * The life of a run, from the marker it takes to the one it leaves. Giving a dot is no event of this machine: an event costs several
 * microseconds, a dot is part of every write, and nothing in the life of a run changes by it. The machine holds the mode, the
 * effects read it from a subscription, and the pure `grantDot` answers.
 */
export const versionerMachine = setup({
  types: {
    context: {} as VersionerContext,
    events: {} as VersionerEvent,
  },
  actors: {
    takeMarker: fromPromise<RunMarker | undefined>(() => Promise.resolve(undefined)),
    leaveMarker: fromPromise<void>(() => Promise.resolve()),
  },
  actions: {
    noteTakenOver: assign((_, params: { marker: RunMarker | undefined }) => ({ takenOver: params.marker })),
    noteFailure: assign((_, params: { failure: unknown }) => ({ failure: params.failure })),
  },
}).createMachine({
  id: 'versioner',
  initial: 'takingMarker',
  context: { takenOver: undefined, failure: undefined },
  states: {
    takingMarker: {
      invoke: {
        src: 'takeMarker',
        onDone: {
          target: 'givingDots',
          actions: { type: 'noteTakenOver', params: ({ event }) => ({ marker: event.output }) },
        },
        // A marker that cannot be read is no reason not to serve: a fresh run id is always safe.
        onError: {
          target: 'givingDots',
          actions: { type: 'noteFailure', params: ({ event }) => ({ failure: event.error }) },
        },
      },
    },
    givingDots: {
      description: 'Nothing has gone wrong in this run: a clean stop may hand it over.',
      on: { 'key.tainted': 'givingDotsTainted', 'alarm.raised': 'givingDotsAlarmed', stop: 'leavingMarker' },
    },
    givingDotsTainted: {
      description:
        'A local write failed: what the store holds of that key is uncertain, so the run is not handed over.',
      on: { 'alarm.raised': 'givingDotsAlarmed', stop: 'stopped' },
    },
    givingDotsAlarmed: {
      description: 'Somebody knows more of the actors of this store than the store itself: an operator should look.',
      on: { stop: 'stopped' },
    },
    leavingMarker: {
      invoke: {
        src: 'leaveMarker',
        onDone: 'stopped',
        onError: {
          target: 'stopped',
          actions: { type: 'noteFailure', params: ({ event }) => ({ failure: event.error }) },
        },
      },
    },
    stopped: { type: 'final' },
  },
});
