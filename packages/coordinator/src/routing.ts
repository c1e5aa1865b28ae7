import type { Done } from '@ringfort/bus';
import { StaleSlotsError } from '@ringfort/storage';
import type { DeleteRequest, GetReply, GetRequest, PutRequest, WriteReply } from './contract.ts';
import * as contract from './contract.ts';
import { codeOf, type Effects } from './effects.ts';
import { QuorumUnavailableError, TooManyHopsError } from './errors.ts';
import { createForwarder, unreached } from './forward.ts';
import type { Placed } from './placed.ts';
import { forwardCandidates, roleOf } from './placement-core.ts';
import type { Requests } from './requests.ts';
import { locate, replicasOf } from './validate.ts';

const MAX_HOPS = 2;
/** How often a request is routed anew, since the node that it was forwarded to knew other owners. */
const MAX_REROUTES = 2;

/** Either kind of request, as far as routing is concerned. */
type Routed = Pick<GetRequest, 'bucket' | 'key' | 'sloppy' | 'hops' | 'slots'>;

export interface Routing {
  get(request: GetRequest, timeoutMs: number, done: Done<GetReply>): void;
  put(request: PutRequest, timeoutMs: number, done: Done<WriteReply>): void;
  delete(request: DeleteRequest, timeoutMs: number, done: Done<WriteReply>): void;
}

/** Carries a request out here, where this node is a primary of its key, or has one that is carry it out. What it throws is the answer. */
export function createRouting(fx: Effects, requests: Requests): Routing {
  const { self, membership, limits } = fx;
  const forwarder = createForwarder(fx);

  /** Where the key lies, and whether this node coordinates or who should. */
  const route = (request: Routed, timeoutMs: number): { placed: Placed; candidates: readonly string[] } => {
    const { ring } = membership;
    const id = locate(ring, limits, request.bucket, request.key);
    const settings = ring.bucket(request.bucket);
    const n = replicasOf(ring, settings);
    const list = ring.preferenceList(id.partition);
    const [owners, slots] = [ring.owners(id.partition), ring.slotVersion(id.partition)];
    const role = roleOf(self, list, n, fx.isUp);
    const candidates = role === 'none' ? forwardCandidates(self, list, n, fx.isUp) : [];
    return { placed: { id, list, owners, slots, settings, n, standIn: role === 'stand-in', timeoutMs }, candidates };
  };

  /** A node that took this one for a primary by other owners is told, rather than that the request goes round. */
  const checkForwardable = ({ hops = 0, slots: asked }: Routed, { id: { partition }, slots: known }: Placed) => {
    const ring = membership.ring.version;
    if (asked !== undefined && asked !== known) throw new StaleSlotsError({ partition, asked, known, ring });
    if (hops >= MAX_HOPS) throw new TooManyHopsError(hops);
  };

  const asStandIn = (placed: Placed, request: Routed): Placed => {
    if (request.sloppy === false) throw new QuorumUnavailableError(1, 0, 'not-applied', ['no primary is reachable']);
    return { ...placed, standIn: true };
  };

  /** The answer to a forwarded request; when no candidate could be reached, this node stands in. */
  const settle = <R>(
    forwarded: Promise<R | typeof unreached>,
    done: Done<R>,
    { standIn, reroute }: { standIn: () => void; reroute: (() => void) | undefined },
  ): void => {
    forwarded.then(
      (reply) => (reply === unreached ? attempt(done, standIn) : done(undefined, reply)),
      (error: Error) => {
        if (codeOf(error) !== 'STALE_SLOTS') done(error);
        else if (reroute === undefined) done(new TooManyHopsError(MAX_REROUTES));
        else attempt(done, reroute);
      },
    );
  };

  const get = (request: GetRequest, timeoutMs: number, done: Done<GetReply>, reroutes = MAX_REROUTES): void => {
    const { placed, candidates } = route(request, timeoutMs);
    if (candidates.length === 0) {
      requests.get(placed, request, done);
      return;
    }
    checkForwardable(request, placed);
    const deadlineMs = fx.clock.monotonicMs() + timeoutMs;
    const again = () => get(request, deadlineMs - fx.clock.monotonicMs(), done, reroutes - 1);
    settle(forwarder.read(contract.get, { ...request, slots: placed.slots }, candidates, timeoutMs), done, {
      standIn: () => requests.get(asStandIn(placed, request), request, done),
      reroute: reroutes > 0 ? again : undefined,
    });
  };

  const write = <Q extends PutRequest | DeleteRequest>(
    verb: typeof contract.put | typeof contract.remove,
    here: (placed: Placed, request: Q, done: Done<WriteReply>) => void,
    request: Q,
    timeoutMs: number,
    done: Done<WriteReply>,
    reroutes = MAX_REROUTES,
  ): void => {
    const { placed, candidates } = route(request, timeoutMs);
    if (candidates.length === 0) {
      here(placed, request, done);
      return;
    }
    checkForwardable(request, placed);
    const deadlineMs = fx.clock.monotonicMs() + timeoutMs;
    const again = () => write(verb, here, request, deadlineMs - fx.clock.monotonicMs(), done, reroutes - 1);
    const body = { ...request, slots: placed.slots };
    const forwarded = forwarder
      .write(verb as unknown as typeof contract.put, body as unknown as PutRequest, candidates, timeoutMs)
      .then((reply) => (reply === unreached ? reply : detached(reply)));
    settle(forwarded, done, {
      standIn: () => here(asStandIn(placed, request), request, done),
      reroute: reroutes > 0 ? again : undefined,
    });
  };

  return {
    get,
    put: (request, timeoutMs, done) => write(contract.put, requests.put, request, timeoutMs, done),
    delete: (request, timeoutMs, done) => write(contract.remove, requests.delete, request, timeoutMs, done),
  };
}

/** Results of writes are remembered: in memory of their own, or each would hold on to the block that it arrived in. */
function detached(reply: WriteReply): WriteReply {
  return { ...reply, context: new Uint8Array(reply.context) };
}

/** Does the work; what it throws is the answer. */
export function attempt<T>(done: Done<T>, work: () => void): void {
  try {
    work();
  } catch (error) {
    done(error as Error);
  }
}
