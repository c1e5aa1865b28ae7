import { type Contract, RemoteError } from '@ringfort/bus';
import { codeOf, type Effects, isUnreachable, reportFailure } from './effects.ts';
import { RequestDeadlineError } from './errors.ts';
import { levelWith } from './levelling.ts';

/** A request that any node may forward. */
interface Forwardable {
  readonly hops?: number | undefined;
}

/** Failures after which the request was certainly not carried out there: the next candidate may be asked. */
const refusals = new Set(['NO_RESPONDERS', 'NOT_SERVING', 'BUS_CLOSED']);

/** No candidate could be reached; the request was not carried out by any. */
export const unreached = Symbol('unreached');

export interface Forwarder {
  /** Asks one candidate after the other, the next one also when one is silent for long: the first answer counts. For reads. */
  read<Q extends Forwardable, R>(
    contract: Contract<Q, R>,
    request: Q,
    candidates: readonly string[],
    timeoutMs: number,
  ): Promise<R | typeof unreached>;
  /** Asks the next candidate only when the one before certainly did nothing. For writes. */
  write<Q extends Forwardable, R>(
    contract: Contract<Q, R>,
    request: Q,
    candidates: readonly string[],
    timeoutMs: number,
  ): Promise<R | typeof unreached>;
}

/**
 * Hands requests to a node that may coordinate them (paper section 6.4: server-driven coordination). Rejects with `STALE_SLOTS`, once records
 * were exchanged, when a node is no primary by what it knows: the request is to be routed anew.
 */
export function createForwarder(fx: Effects): Forwarder {
  const levelled = (node: string, error: RemoteError) =>
    new Promise<boolean>((resolve) => levelWith(fx, node, error, resolve));

  const ask = async <Q, R>(contract: Contract<Q, R>, body: Q, node: string, timeoutMs: number): Promise<R> => {
    fx.counters.forwarded += 1;
    try {
      const reply = await fx.bus.request(`node.${node}.coordinator`, contract, body, { timeoutMs });
      fx.membership.reportSuccess(node);
      return reply;
    } catch (error) {
      // A coordinator that passed its own deadline is alive: only a missing answer speaks against it.
      if (!(error instanceof RemoteError)) reportFailure(fx.membership, node, codeOf(error));
      else if (codeOf(error) === 'STALE_SLOTS') await levelled(node, error);
      throw error;
    }
  };

  return {
    async write(contract, request, candidates, timeoutMs) {
      const deadlineMs = fx.clock.monotonicMs() + timeoutMs;
      if (fx.bus.status !== 'connected') return unreached;
      const body = { ...request, hops: (request.hops ?? 0) + 1 };
      for (const node of candidates) {
        const leftMs = deadlineMs - fx.clock.monotonicMs();
        if (leftMs <= 0) throw new RequestDeadlineError(timeoutMs, 'not-applied');
        // A peer that is silent for long is taken for hung, so that others are asked the next time; this write may be under way there.
        const hedge = fx.wheel.after(fx.limits.hedgeMs, () => fx.membership.reportFailure(node, 'timeout'));
        try {
          return await ask(contract, body, node, leftMs);
        } catch (error) {
          if (!refusals.has(codeOf(error))) throw indeterminate(error);
        } finally {
          fx.wheel.cancel(hedge);
        }
      }
      return unreached;
    },

    read(contract, request, candidates, timeoutMs) {
      const deadlineMs = fx.clock.monotonicMs() + timeoutMs;
      const body = { ...request, hops: (request.hops ?? 0) + 1 };
      return new Promise((resolve, reject) => {
        let next = 0;
        let pending = 0;
        let hedge: ReturnType<typeof fx.wheel.after> | undefined;
        const askNext = () => {
          if (hedge !== undefined) fx.wheel.cancel(hedge);
          const leftMs = deadlineMs - fx.clock.monotonicMs();
          if (next >= candidates.length || leftMs <= 0) {
            if (pending === 0) resolve(unreached);
            return;
          }
          const node = candidates[next++]!;
          pending += 1;
          hedge = fx.wheel.after(fx.limits.hedgeMs, () => {
            fx.membership.reportFailure(node, 'timeout');
            askNext();
          });
          ask(contract, body, node, leftMs).then(
            (reply) => {
              if (hedge !== undefined) fx.wheel.cancel(hedge);
              resolve(reply);
            },
            (error: unknown) => {
              pending -= 1;
              if (isUnreachable(codeOf(error)) || refusals.has(codeOf(error))) askNext();
              else reject(error);
            },
          );
        };
        askNext();
      });
    },
  };
}

/** A write whose fate at the other node is unknown says so. */
function indeterminate(error: unknown): unknown {
  const failure = error as { details?: Record<string, unknown> };
  if (isUnreachable(codeOf(error)) && failure.details?.outcome === undefined) {
    failure.details = { ...failure.details, outcome: 'indeterminate' };
  }
  return error;
}
