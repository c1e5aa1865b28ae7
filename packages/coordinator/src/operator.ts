import type { Bus, Contract } from '@ringfort/bus';
import { bucketObjects } from './bucket-objects.ts';
import type { Effects } from './effects.ts';
import { NotServingError, OverloadedError } from './errors.ts';
import { inspectKey, toldOf } from './inspect-key.ts';
import { createMerger } from './merge-object.ts';
import * as contract from './operator-contract.ts';
import type { CallOptions, Operator } from './port.ts';
import { repairKey } from './repair-key.ts';

/** Requests of operators under way at once: each may ask every member. */
const MAX_UNDER_WAY = 64;
/** Of the time that a caller on the bus gives, so that the answer is there before that is over. */
const SHARE_OF_CALL = 0.9;

/** @param isClosing whether new requests are refused */
export function createOperator(fx: Effects, isClosing: () => boolean): Operator & { close(): void } {
  let underWay = 0;

  const admitted =
    <Q, R>(verb: (request: Q, timeoutMs: number) => Promise<R>) =>
    async (request: Q, { timeoutMs = fx.limits.defaultTimeoutMs }: CallOptions = {}): Promise<R> => {
      if (isClosing()) throw new NotServingError('closing');
      if (fx.membership.state !== 'member') throw new NotServingError(fx.membership.state);
      if (underWay >= MAX_UNDER_WAY) throw new OverloadedError(MAX_UNDER_WAY);
      underWay += 1;
      try {
        return await verb(request, timeoutMs);
      } finally {
        underWay -= 1;
      }
    };

  const merge = createMerger(fx);
  const operator: Operator = {
    inspect: admitted(async (request, timeoutMs) => toldOf(await inspectKey(fx, request, timeoutMs))),
    repair: admitted((request, timeoutMs) => repairKey(fx, request, timeoutMs)),
    objects: admitted((request, timeoutMs) => bucketObjects(fx, request, timeoutMs)),
    merge: admitted(
      (request, timeoutMs) =>
        new Promise((resolve, reject) =>
          merge(request, timeoutMs, (error) => (error === undefined ? resolve({}) : reject(error))),
        ),
    ),
  };
  const served = serveOperator(fx.bus, fx.self, operator);
  return {
    ...operator,
    close: () => {
      for (const one of served) one.unsubscribe();
    },
  };
}

function serveOperator(bus: Bus, node: string, operator: Operator) {
  const at = <Q, R>(served: Contract<Q, R>, verb: (request: Q, options: CallOptions) => Promise<R>) =>
    bus.serve(`node.${node}.operator`, served, (request, { timeoutMs }) =>
      verb(request, { timeoutMs: Math.max(1, Math.floor(timeoutMs * SHARE_OF_CALL)) }),
    );
  return [
    at(contract.inspect, operator.inspect),
    at(contract.repair, operator.repair),
    at(contract.objects, operator.objects),
    at(contract.merge, operator.merge),
  ];
}
