import { type Context, contextOf, type VersionedObject } from '@ringfort/versioning';
import { assign, setup } from 'xstate';

/** One delete under way. */
export interface DeleteTask {
  /** What the tombstone covers: given by the client, or what a read of R replicas returned. */
  readonly covers: Context | undefined;
  read(): void;
  writeTombstone(covers: Context | undefined): void;
  answerNothingKnown(): void;
  fail(error: Error): void;
  release(): void;
}

export type DeleteEvent =
  | { readonly type: 'delete.start'; readonly task: DeleteTask }
  | { readonly type: 'read.answered'; readonly object: VersionedObject | undefined }
  | { readonly type: 'read.failed'; readonly error: Error }
  | { readonly type: 'write.ended' };

/**
 * The story of a delete: without a context it first reads R and covers what it read; then it is a put of a tombstone. Where nothing is known
 * of the key there is nothing to cover, and nothing is written.
 */
export const deleteMachine = setup({
  types: {
    context: {} as { task: DeleteTask | undefined; covers: Context | undefined },
    events: {} as DeleteEvent,
  },
  guards: {
    contextGiven: ({ event }) => event.type === 'delete.start' && event.task.covers !== undefined,
    somethingKnown: ({ event }) => event.type === 'read.answered' && event.object !== undefined,
  },
  actions: {
    take: assign(({ event }) => (event.type === 'delete.start' ? { task: event.task, covers: event.task.covers } : {})),
    read: ({ context }) => context.task!.read(),
    cover: assign(({ event }) =>
      event.type === 'read.answered' && event.object ? { covers: contextOf(event.object) } : {},
    ),
    writeTombstone: ({ context }) => context.task!.writeTombstone(context.covers),
    answerNothingKnown: ({ context }) => context.task!.answerNothingKnown(),
    fail: ({ context, event }) => event.type === 'read.failed' && context.task!.fail(event.error),
    release: ({ context }) => context.task!.release(),
  },
}).createMachine({
  id: 'delete',
  context: { task: undefined, covers: undefined },
  initial: 'idle',
  states: {
    idle: {
      on: {
        'delete.start': [
          { guard: 'contextGiven', target: 'writingTombstone', actions: 'take' },
          { target: 'readingWhatToCover', actions: 'take' },
        ],
      },
    },
    readingWhatToCover: {
      entry: 'read',
      on: {
        'read.answered': [
          { guard: 'somethingKnown', target: 'writingTombstone', actions: 'cover' },
          { target: 'idle', actions: ['answerNothingKnown', 'release'] },
        ],
        'read.failed': { target: 'idle', actions: ['fail', 'release'] },
      },
    },
    writingTombstone: {
      entry: 'writeTombstone',
      on: { 'write.ended': { target: 'idle', actions: 'release' } },
    },
  },
});
