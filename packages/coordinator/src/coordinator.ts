import { type Bus, type Clock, DeadlineWheel, type Done, type Random } from '@ringfort/bus';
import type { Membership } from '@ringfort/membership';
import { createOwnerGate, type Moves, type Store } from '@ringfort/storage';
import type { Versioner } from '@ringfort/versioning';
import { Admission } from './admission.ts';
import type { DeleteRequest, GetRequest, PutRequest, WriteReply } from './contract.ts';
import { DuplicateWindow } from './dedupe.ts';
import type { Counters, Effects } from './effects.ts';
import { NotServingError } from './errors.ts';
import { createHandoff } from './handoff.ts';
import { type CoordinatorLimits, defaultLimits } from './limits.ts';
import { createListing } from './listing.ts';
import { createOperator } from './operator.ts';
import type { CallOptions, Coordinator } from './port.ts';
import { inspectReplicas } from './replicas.ts';
import { createRequests } from './requests.ts';
import { ResponseTime } from './response-time.ts';
import { attempt, createRouting } from './routing.ts';
import { serveCoordinator, type Verb, type Verbs } from './serve.ts';
import { slotViewOf } from './slot-view.ts';

/** Stories whose late answers are awaited, per request that may be under way. */
const STORIES_PER_REQUEST = 4;

export interface CoordinatorOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly membership: Membership;
  readonly versioner: Versioner;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<CoordinatorLimits> | undefined;
  /** Hand-overs from this node to others, the same that `serveStorage` is given; absent: there are none. */
  readonly moves?: Moves | undefined;
  /** Told of faults that no caller waits for; for logs. */
  readonly onFault?: ((fault: Error, where: string) => void) | undefined;
}

/**
 * The coordinator of a node (paper section 4.5): serves `get`, `put`, `delete`, `keys` and `replicas` on `node.<id>.coordinator` and, in the queue
 * group of all members, on `kv.<verb>`.
 */
export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const fx = createEffects(options);
  const { membership, limits, counters, self } = fx;
  const requests = createRequests(fx);
  const routing = createRouting(fx, requests);
  const handoff = createHandoff(fx, options.random, requests.repair);
  const listing = createListing(fx);
  const admission = new Admission(options.clock, limits);
  const duplicates = new DuplicateWindow<WriteReply>(limits.dedupeWindow);
  let closing = false;

  const refusal = (): Error | undefined => {
    if (closing) return new NotServingError('closing');
    if (membership.state !== 'member') return new NotServingError(membership.state);
    const isFull = admission.refuses(counters.inFlight) || counters.stories >= limits.maxInFlight * STORIES_PER_REQUEST;
    return isFull ? admission.refusal : undefined;
  };

  /** Counts a request in while it is answered, and refuses it beyond the limits. What `work` throws is its answer. */
  const admit = <T>(done: Done<T>, work: (finish: Done<T>) => void): void => {
    const refused = refusal();
    if (refused !== undefined) {
      done(refused);
      return;
    }
    counters.inFlight += 1;
    const startMs = options.clock.monotonicMs();
    let ended = false;
    const finish: Done<T> = (error, reply) => {
      if (ended) return;
      ended = true;
      counters.inFlight -= 1;
      if (error === undefined) admission.served(options.clock.monotonicMs() - startMs);
      done(error, reply);
    };
    attempt(finish, () => work(finish));
  };

  /** Tells a client whose ring is another one than this node's. */
  const markStale = <R extends object>({ ring }: Pick<GetRequest, 'ring'>, done: Done<R>): Done<R> => {
    if (ring === undefined || ring.digest === membership.ring.version.digest) return done;
    return (error, reply) => done(error, reply === undefined ? undefined : { ...reply, staleRing: true });
  };

  /** A duplicate shares the first one's result before anything can refuse it: the first one may be under way. */
  const numbered = (
    request: PutRequest | DeleteRequest,
    done: Done<WriteReply>,
    work: (finish: Done<WriteReply>) => void,
  ): void => duplicates.once(request.session, request.seq, (finish) => admit(finish, work), markStale(request, done));

  const verbs: Verbs = {
    get: (request, timeoutMs, done) =>
      admit(markStale(request, done), (finish) => routing.get(request, timeoutMs, finish)),
    put: (request, timeoutMs, done) => numbered(request, done, (finish) => routing.put(request, timeoutMs, finish)),
    delete: (request, timeoutMs, done) =>
      numbered(request, done, (finish) => routing.delete(request, timeoutMs, finish)),
    keys: (request, timeoutMs, done) => admit(done, (finish) => answer(listing(request, timeoutMs), finish)),
    replicas: (request, timeoutMs, done) =>
      admit(done, (finish) => answer(inspectReplicas(fx, request, timeoutMs), finish)),
  };

  const promised =
    <Q, R>(verb: Verb<Q, R>) =>
    (request: Q, callOptions?: CallOptions): Promise<R> =>
      new Promise((resolve, reject) => {
        const timeoutMs = callOptions?.timeoutMs ?? limits.defaultTimeoutMs;
        verb(request, timeoutMs, (error, reply) => (error === undefined ? resolve(reply as R) : reject(error)));
      });

  const served = serveCoordinator(options.bus, self, verbs);
  const operator = createOperator(fx, () => closing);
  return {
    get: promised(verbs.get),
    put: promised(verbs.put),
    delete: promised(verbs.delete),
    keys: promised(verbs.keys),
    replicas: promised(verbs.replicas),
    operator,
    stats: () => ({ ...counters }),
    async close() {
      if (closing) return;
      closing = true;
      handoff.close();
      // Still listening: who asks now is told NOT_SERVING, and asks another node.
      await untilQuiet(fx);
      served.close();
      operator.close();
    },
  };
}

function answer<T>(work: Promise<T>, done: Done<T>): void {
  work.then(
    (reply) => done(undefined, reply),
    (error: Error) => done(error),
  );
}

function createEffects(options: CoordinatorOptions): Effects {
  const { bus, store, membership, versioner, clock } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const counters: Counters = {
    inFlight: 0,
    stories: 0,
    readRepairs: 0,
    hintsWritten: 0,
    hintsDelivered: 0,
    forwarded: 0,
  };
  return {
    self: membership.self,
    bus,
    store,
    owner: createOwnerGate({ bus, slots: slotViewOf(membership.self, () => membership.ring), moves: options.moves }),
    membership,
    versioner,
    clock,
    isUp: (node) => membership.isUp(node),
    wheel: new DeadlineWheel(clock),
    responseTime: new ResponseTime(limits.hedgeMs, limits.hedgeMaxMs),
    limits,
    counters,
    onFault: (fault, where) => options.onFault?.(fault, where),
  };
}

/** Resolves when no request is under way any more; each ends by its own deadline. */
function untilQuiet(fx: Effects): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (fx.counters.inFlight === 0) resolve();
      else fx.wheel.after(10, look);
    };
    look();
  });
}
