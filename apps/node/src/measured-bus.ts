import type { Answerer, Bus, Clock, Contract, Handler } from '@ringfort/bus';
import type { NodeMetrics, Verb } from './metrics.ts';

const counted: ReadonlySet<string> = new Set<Verb>(['get', 'put', 'delete', 'keys', 'replicas']);

/** The same bus, each request that it hands to a coordinator's verb counted and timed. */
export function measuredBus(bus: Bus, metrics: NodeMetrics, clock: Clock): Bus {
  return {
    self: bus.self,
    get status() {
      return bus.status;
    },
    onStatus: (listener) => bus.onStatus(listener),
    publish: (to, contract, body, options) => bus.publish(to, contract, body, options),
    request: (to, contract, body, options) => bus.request(to, contract, body, options),
    call: (to, contract, body, options, done) => bus.call(to, contract, body, options, done),
    callEach: (to, contract, body, options, done) => bus.callEach(to, contract, body, options, done),
    serve: (address, contract, handler, options) =>
      bus.serve(address, contract, isCounted(contract) ? timed(contract, handler, metrics, clock) : handler, options),
    answer: (address, contract, answerer, options) =>
      bus.answer(
        address,
        contract,
        isCounted(contract) ? timedAnswerer(contract, answerer, metrics, clock) : answerer,
        options,
      ),
    listen: (address, contract, listener) => bus.listen(address, contract, listener),
    close: () => bus.close(),
  };
}

function isCounted(contract: { readonly verb: string }): boolean {
  return counted.has(contract.verb);
}

function timed<Q, R>(
  contract: Contract<Q, R>,
  handler: Handler<Q, R>,
  metrics: NodeMetrics,
  clock: Clock,
): Handler<Q, R> {
  const verb = contract.verb as Verb;
  return async (body, inbound) => {
    const startedMs = clock.monotonicMs();
    try {
      const reply = await handler(body, inbound);
      metrics.finished(verb, 'bus', clock.monotonicMs() - startedMs);
      return reply;
    } catch (error) {
      metrics.finished(verb, 'bus', clock.monotonicMs() - startedMs, error);
      throw error;
    }
  };
}

function timedAnswerer<Q, R>(
  contract: Contract<Q, R>,
  answerer: Answerer<Q, R>,
  metrics: NodeMetrics,
  clock: Clock,
): Answerer<Q, R> {
  const verb = contract.verb as Verb;
  return (body, inbound, done) => {
    const startedMs = clock.monotonicMs();
    let ended = false;
    const finished = (error: Error | undefined, reply?: R) => {
      if (ended) return;
      ended = true;
      metrics.finished(verb, 'bus', clock.monotonicMs() - startedMs, error);
      done(error, reply);
    };
    try {
      answerer(body, inbound, finished);
    } catch (error) {
      finished(error instanceof Error ? error : new Error(String(error)));
    }
  };
}
