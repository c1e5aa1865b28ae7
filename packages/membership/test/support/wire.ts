import { type Contract, memoryBus, memoryNetwork } from '@ringfort/bus';

/** A question and its answer between two nodes over a bus, and how many bytes each of its payloads took. */
export function wire(from = 'n1', to = 'n2') {
  const sizes: number[] = [];
  const network = memoryNetwork({
    link: (_, __, payload) => {
      sizes.push(payload.length);
      return [0];
    },
  });
  const [asker, other] = [from, to].map((id) => memoryBus({ network, cluster: 'test', self: `node.${id}` })) as [
    ReturnType<typeof memoryBus>,
    ReturnType<typeof memoryBus>,
  ];
  return {
    sizes,
    async ask<Q, R>(contract: Contract<Q, R>, body: Q, answer: (body: Q) => R): Promise<R> {
      const served = other.serve(`node.${to}.membership`, contract, answer);
      try {
        return await asker.request(`node.${to}.membership`, contract, body, { timeoutMs: 10_000 });
      } finally {
        served.unsubscribe();
      }
    },
    close: () => Promise.all([asker.close(), other.close()]),
  };
}
