import type { Bus, Contract, Inbound } from '@ringfort/bus';
import * as contract from './contract.ts';
import type { CallOptions, Coordinator } from './port.ts';

/** Puts a coordinator behind its subjects: `node.<id>.coordinator`, and `kv.<verb>` in the queue group of all members. */
export function serveCoordinator(bus: Bus, node: string, coordinator: Coordinator): { close(): void } {
  const address = `node.${node}.coordinator`;
  const options = ({ timeoutMs }: Inbound): CallOptions => ({ timeoutMs });
  const both = <Q, R>(verb: Contract<Q, R>, handler: (body: Q, inbound: Inbound) => Promise<R>) => [
    bus.serve(address, verb, handler),
    bus.serve(`kv.${verb.verb}`, verb, handler, { queue: 'kv' }),
  ];
  const subscriptions = [
    ...both(contract.get, (body, inbound) => coordinator.get(body, options(inbound))),
    ...both(contract.put, (body, inbound) => coordinator.put(body, options(inbound))),
    ...both(contract.remove, (body, inbound) => coordinator.delete(body, options(inbound))),
    ...both(contract.keys, (body, inbound) => coordinator.keys(body, options(inbound))),
    ...both(contract.replicas, (body, inbound) => coordinator.replicas(body, options(inbound))),
  ];
  return {
    close: () => {
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}
