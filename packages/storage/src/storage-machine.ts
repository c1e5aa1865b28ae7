import { assign, fromPromise, setup } from 'xstate';
import type { Store } from './port.ts';

export type StorageMode = 'opening' | 'serving' | 'readOnly' | 'closing' | 'closed' | 'failed';

export type StorageEvent =
  /** A write was refused by the disk or for want of room. */
  | { readonly type: 'write.failed'; readonly error: unknown }
  /** A record did not match its checksum. The others are served, reads and writes alike. */
  | { readonly type: 'record.corrupted'; readonly error: unknown }
  | { readonly type: 'close.start' };

interface StorageContext {
  readonly error: unknown;
  readonly corruptRecords: number;
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;

/**
 * What a node's store can do at present. A full disk makes it read-only until a probe write passes; a disk that failed to sync makes it
 * read-only until the node is restarted. Messages do not pass through here: the effects read the mode, and report failures as events.
 */
export const storageMachine = setup({
  types: {
    context: {} as StorageContext,
    events: {} as StorageEvent,
  },
  actors: {
    openStore: fromPromise<Store>(() => Promise.reject(new Error('openStore is to be provided'))),
    /** Resolves when a small write passes. */
    probeWrite: fromPromise<void>(() => Promise.reject(new Error('probeWrite is to be provided'))),
    closeStore: fromPromise<void>(() => Promise.reject(new Error('closeStore is to be provided'))),
  },
  guards: {
    stopsWrites: ({ event }) =>
      'error' in event && ['STORE_FULL', 'STORE_UNWRITABLE', 'STORE_SYNC_FAILED'].includes(String(codeOf(event.error))),
    needsRestart: ({ context }) => codeOf(context.error) === 'STORE_SYNC_FAILED',
  },
  actions: {
    noteError: assign({ error: ({ event }) => ('error' in event ? event.error : undefined) }),
    clearError: assign({ error: undefined }),
    countCorruptRecord: assign({ corruptRecords: ({ context }) => context.corruptRecords + 1 }),
  },
  delays: { probeDelay: 1000 },
}).createMachine({
  id: 'storage',
  context: { error: undefined, corruptRecords: 0 },
  initial: 'opening',
  on: {
    'record.corrupted': { actions: 'countCorruptRecord' },
    'close.start': '.closing',
  },
  states: {
    opening: {
      invoke: {
        src: 'openStore',
        onDone: 'serving',
        onError: { target: 'failed', actions: 'noteError' },
      },
    },
    serving: {
      entry: 'clearError',
      on: { 'write.failed': { guard: 'stopsWrites', target: 'readOnly', actions: 'noteError' } },
    },
    readOnly: {
      initial: 'resting',
      states: {
        resting: {
          always: { guard: 'needsRestart', target: 'untilRestart' },
          after: { probeDelay: 'probing' },
        },
        probing: {
          invoke: {
            src: 'probeWrite',
            onDone: '#storage.serving',
            onError: { target: 'resting', actions: 'noteError' },
          },
        },
        untilRestart: {},
      },
    },
    closing: {
      on: { 'close.start': {} },
      invoke: {
        src: 'closeStore',
        onDone: 'closed',
        onError: { target: 'failed', actions: 'noteError' },
      },
    },
    closed: { type: 'final' },
    failed: { type: 'final' },
  },
});
