import type { Done } from '@ringfort/bus';
import {
  boundContext,
  type Context,
  contextOf,
  decodeContext,
  emptyContext,
  encodeContext,
  formatDot,
  liveSiblings,
  type Payload,
  type VersionedObject,
} from '@ringfort/versioning';
import type { DeleteRequest, GetReply, GetRequest, PutRequest, WriteReply } from './contract.ts';
import { type DeleteEvent, type DeleteTask, deleteMachine } from './delete-machine.ts';
import type { Effects } from './effects.ts';
import { createGetRunner, type GetDone, type GetRunner } from './get-runner.ts';
import type { Placed } from './placed.ts';
import { resolveQuorum } from './quorum-core.ts';
import { type PooledActor, RequestPool } from './request-pool.ts';
import { checkValue } from './validate.ts';
import { createWritePath } from './write-path.ts';

/** Each throws what is wrong with the request; what fails later reaches `done`. */
export interface Requests {
  get(placed: Placed, request: GetRequest, done: Done<GetReply>): void;
  put(placed: Placed, request: PutRequest, done: Done<WriteReply>): void;
  delete(placed: Placed, request: DeleteRequest, done: Done<WriteReply>): void;
  /** Makes the replicas of a record equal, apart from any request. */
  readonly repair: GetRunner['repair'];
}

const tombstone: Payload = Object.freeze({ value: undefined, contentType: '' });

/** Turns requests into tasks for the machines, and what the machines found into replies. */
export function createRequests(fx: Effects): Requests {
  const { run: runGet, repair } = createGetRunner(fx);
  const write = createWritePath(fx, repair);
  const deletes = new RequestPool<DeleteEvent>(deleteMachine, {
    maxIdle: 128,
    onError: (error) => fx.onFault(error as Error, 'delete machine'),
  });

  const read = (placed: Placed, request: Pick<GetRequest, 'r' | 'sloppy'>, done: GetDone) => {
    const { id, list, owners, slots, n, standIn, timeoutMs, settings } = placed;
    const r = request.r === undefined ? Math.min(settings.r, n) : resolveQuorum('r', request.r, settings.n);
    runGet({ id, list, owners, slots, n, r, sloppy: request.sloppy ?? true, standIn, timeoutMs }, done);
  };

  const toGetReply = (object: VersionedObject | undefined): GetReply => {
    if (object === undefined) return { siblings: [] };
    const dots = object.siblings.map((sibling) => sibling.dot);
    return {
      siblings: liveSiblings(object, fx.clock.now()).map((sibling) => ({
        value: sibling.value!,
        contentType: sibling.contentType,
        dot: formatDot(sibling.dot),
      })),
      context: encodeContext(boundContext(contextOf(object), dots, fx.limits.maxContextEntries)),
    };
  };

  const deleteTask = (
    placed: Placed,
    request: DeleteRequest,
    given: Context | undefined,
    teller: PooledActor<DeleteEvent>,
    done: Done<WriteReply>,
  ): DeleteTask => ({
    covers: given,
    read: () =>
      read(placed, request, (error, object) =>
        teller.send(error === undefined ? { type: 'read.answered', object } : { type: 'read.failed', error }),
      ),
    writeTombstone(covers) {
      const ended = (error: Error | undefined, reply: WriteReply | undefined) => {
        done(error, reply);
        teller.send({ type: 'write.ended' });
      };
      try {
        write(placed, request, tombstone, covers, ended);
      } catch (error) {
        ended(error as Error, undefined);
      }
    },
    answerNothingKnown: () => done(undefined, { context: encodeContext(emptyContext), siblings: 0 }),
    fail: done,
    release: () => deletes.release(teller),
  });

  return {
    repair,

    get: (placed, request, done) =>
      read(placed, request, (error, object) =>
        error === undefined ? done(undefined, toGetReply(object)) : done(error),
      ),

    put(placed, request, done) {
      checkValue(request.value, fx.limits);
      const context = request.context === undefined ? undefined : decodeContext(request.context);
      const payload = { value: request.value, contentType: request.contentType ?? 'application/octet-stream' };
      write(placed, request, payload, context, done);
    },

    delete(placed, request, done) {
      // A malformed context is refused before an actor leaves the pool.
      const covers = request.context === undefined ? undefined : decodeContext(request.context);
      const teller = deletes.take();
      const task = deleteTask(placed, request, covers, teller, done);
      teller.send({ type: 'delete.start', task });
    },
  };
}
