import { type CountedBus, memoryBus, memoryNetwork } from '@ringfort/bus';
import { type BreakableHarness, briefClose } from './harness.ts';

export async function memoryHarness(): Promise<BreakableHarness> {
  const network = memoryNetwork();
  const cluster = 'compliance';
  const buses: CountedBus[] = [];
  return {
    cluster,
    async bus(self, extras) {
      const bus = memoryBus({ network, cluster, self, ...extras, limits: { ...briefClose, ...extras?.limits } });
      buses.push(bus);
      return bus;
    },
    async raw() {
      const transport = network.connect('client.raw');
      return {
        publish: (subject, payload, reply) => transport.publish(subject, payload, reply),
        async subscribe(subject, onMessage) {
          transport.subscribe(subject, undefined, ({ subject: at, payload, reply }) =>
            onMessage({ subject: at, payload, reply }),
          );
        },
      };
    },
    async settled() {},
    async cut() {
      network.disconnect();
    },
    async heal() {
      network.reconnect();
    },
    async stop() {
      await Promise.all(buses.map((bus) => bus.close()));
    },
  };
}
