import { type Bus, type Clock, DeadlineWheel, type Random } from '@ringfort/bus';
import type { Membership } from '@ringfort/membership';
import type { Store } from '@ringfort/storage';
import type { Versioner } from '@ringfort/versioning';
import type { DeleteRequest, GetReply, GetRequest, PutRequest, WriteReply } from './contract.ts';
import * as contract from './contract.ts';
import { DuplicateWindow } from './dedupe.ts';
import type { Counters, Effects } from './effects.ts';
import { NotServingError, OverloadedError, QuorumUnavailableError, TooManyHopsError } from './errors.ts';
import { createForwarder, unreached } from './forward.ts';
import { createHandoff } from './handoff.ts';
import { type CoordinatorLimits, defaultLimits } from './limits.ts';
import { createListing } from './listing.ts';
import type { Placed } from './placed.ts';
import { forwardCandidates, roleOf } from './placement-core.ts';
import type { CallOptions, Coordinator } from './port.ts';
import { inspectReplicas } from './replicas.ts';
import { createRequests } from './requests.ts';
import { ResponseTime } from './response-time.ts';
import { serveCoordinator } from './serve.ts';
import { locate, replicasOf } from './validate.ts';

const MAX_HOPS = 2;
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
  /** Told of faults that no caller waits for; for logs. */
  readonly onFault?: ((fault: Error, where: string) => void) | undefined;
}

/** Either kind of request, as far as routing is concerned. */
type Routed = {
  bucket: string;
  key: string;
  sloppy?: boolean | undefined;
  hops?: number | undefined;
  ring?: GetRequest['ring'];
};

/**
 * The coordinator of a node (paper section 4.5): serves `get`, `put`, `delete`, `keys` and `replicas` on `node.<id>.coordinator` and, in the queue
 * group of all members, on `kv.<verb>`.
 */
export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const fx = createEffects(options);
  const { membership, limits, counters, self } = fx;
  const requests = createRequests(fx);
  const forwarder = createForwarder(fx);
  const handoff = createHandoff(fx, options.random);
  const listing = createListing(fx);
  const duplicates = new DuplicateWindow<WriteReply>(limits.dedupeWindow);
  let closing = false;

  /** Counts the request in while it is answered, and refuses it beyond the limits. */
  const admit = async <T>(work: () => Promise<T>): Promise<T> => {
    if (closing) throw new NotServingError('closing');
    if (membership.state !== 'member') throw new NotServingError(membership.state);
    if (counters.inFlight >= limits.maxInFlight || counters.stories >= limits.maxInFlight * STORIES_PER_REQUEST) {
      throw new OverloadedError(limits.maxInFlight);
    }
    counters.inFlight += 1;
    try {
      return await work();
    } finally {
      counters.inFlight -= 1;
    }
  };

  /** Where the key lies, and whether this node coordinates or who should. */
  const route = (request: Routed, timeoutMs: number): { placed: Placed; candidates: readonly string[] } => {
    const ring = membership.ring;
    const id = locate(ring, limits, request.bucket, request.key);
    const settings = ring.bucket(request.bucket);
    const n = replicasOf(ring, settings);
    const list = ring.preferenceList(id.partition);
    const role = roleOf(self, list, n, fx.isUp);
    const candidates = role === 'none' ? forwardCandidates(self, list, n, fx.isUp) : [];
    return { placed: { id, list, settings, n, standIn: role === 'stand-in', timeoutMs }, candidates };
  };

  const asStandIn = (placed: Placed, request: Routed): Placed => {
    if (request.sloppy === false) throw new QuorumUnavailableError(1, 0, 'not-applied', ['no primary is reachable']);
    return { ...placed, standIn: true };
  };

  const checkHops = (request: Routed) => {
    if ((request.hops ?? 0) >= MAX_HOPS) throw new TooManyHopsError(request.hops ?? 0);
  };

  const get = async (request: GetRequest, timeoutMs: number): Promise<GetReply> => {
    const { placed, candidates } = route(request, timeoutMs);
    if (candidates.length === 0) return requests.get(placed, request);
    checkHops(request);
    const reply = await forwarder.read(contract.get, request, candidates, timeoutMs);
    return reply === unreached ? requests.get(asStandIn(placed, request), request) : reply;
  };

  const write = async <Q extends PutRequest | DeleteRequest>(
    verb: typeof contract.put | typeof contract.remove,
    here: (placed: Placed, request: Q) => Promise<WriteReply>,
    request: Q,
    timeoutMs: number,
  ): Promise<WriteReply> => {
    const { placed, candidates } = route(request, timeoutMs);
    if (candidates.length === 0) return here(placed, request);
    checkHops(request);
    const forwardable = verb as unknown as typeof contract.put;
    const reply = await forwarder.write(forwardable, request as unknown as PutRequest, candidates, timeoutMs);
    return reply === unreached ? here(asStandIn(placed, request), request) : reply;
  };

  const markStale = <R extends object>(request: Routed, reply: R): R => {
    const { ring } = request;
    if (ring === undefined || ring.digest === membership.ring.version.digest) return reply;
    return { ...reply, staleRing: true };
  };

  const timeoutOf = (callOptions: CallOptions | undefined) => callOptions?.timeoutMs ?? limits.defaultTimeoutMs;

  const coordinator: Coordinator = {
    get: (request, callOptions) => admit(async () => markStale(request, await get(request, timeoutOf(callOptions)))),
    put: (request, callOptions) =>
      admit(async () => {
        const run = () => write(contract.put, requests.put, request, timeoutOf(callOptions));
        return markStale(request, await duplicates.once(request.session, request.seq, run));
      }),
    delete: (request, callOptions) =>
      admit(async () => {
        const run = () => write(contract.remove, requests.delete, request, timeoutOf(callOptions));
        return markStale(request, await duplicates.once(request.session, request.seq, run));
      }),
    keys: (request, callOptions) => admit(() => listing(request, timeoutOf(callOptions))),
    replicas: (request, callOptions) => admit(() => inspectReplicas(fx, request, timeoutOf(callOptions))),
    stats: () => ({ ...counters }),
    async close() {
      if (closing) return;
      closing = true;
      handoff.close();
      // Still listening: who asks now is told NOT_SERVING, and asks another node.
      await untilQuiet(fx);
      served.close();
    },
  };
  const served = serveCoordinator(options.bus, self, coordinator);
  return coordinator;
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
