import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { failuresAfter } from '../harness/judge.ts';
import type { Scenario, ScenarioContext } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 200 }, (_, number) => `key-${number}`);
const RATE_PER_SECOND = 120;

interface Trouble {
  readonly name: string;
  readonly about: string;
  /** Ends when the trouble does; the routes are healed afterwards. */
  readonly befalls: (context: ScenarioContext) => Promise<void>;
}

/** Clients everywhere, each with one NATS server, while something befalls the routes of server 0 (n1, n2). */
function routesInTrouble({ name, about, befalls }: Trouble): Scenario {
  return {
    name,
    about,
    cluster: { nodes: 5, natsServers: 3, servers: 'own' },
    async run(context) {
      const { cluster, routes } = context;
      const doors = [
        context.httpDoor(),
        ...(await Promise.all(cluster.natsUrls.map((url) => context.clientDoor([url])))),
      ];
      const load = context.load({ doors, keys: KEYS, ratePerSecond: RATE_PER_SECOND });
      await sleep(3_000);
      context.tell('trouble begins');
      const beginMs = performance.now();
      await befalls(context);
      const endMs = performance.now();
      routes.heal();
      context.tell('healed');
      await sleep(4_000);
      const { drainMs } = await context.settle();
      const failures = load.samples.filter(({ outcome }) => outcome !== 'ok');
      const during = load.samples.filter(({ intendedMs }) => intendedMs > beginMs && intendedMs < endMs);
      const acknowledged = during.filter(({ kind, outcome }) => kind === 'put' && outcome === 'ok').length;
      context.note({
        acknowledgedMeanwhile: acknowledged,
        failures: failures.length,
        drainMs,
        ...failuresAfter(failures, beginMs),
      });
      assert.ok(acknowledged > 20, `${acknowledged} writes were accepted meanwhile`);
    },
  };
}

export const partitionOneWay = routesInTrouble({
  name: 'partition-one-way',
  about: 'for ten seconds nothing that two nodes send reaches the other three; then it all arrives late',
  async befalls({ routes }) {
    for (const to of [1, 2]) routes.setOneWay(0, to, { silent: true });
    await sleep(10_000);
  },
});

export const flappingRoute = routesInTrouble({
  name: 'flapping-route',
  about: 'the routes of one NATS server break and come back again and again for twelve seconds',
  async befalls({ routes, random }) {
    const endMs = performance.now() + 12_000;
    while (performance.now() < endMs) {
      for (const link of routes.around([0])) link.cut();
      await sleep(200 + random.below(800));
      for (const link of routes.around([0])) link.heal();
      await sleep(800 + random.below(1_500));
    }
  },
});

export const slowLink = routesInTrouble({
  name: 'slow-link',
  about: 'the routes of one NATS server take 100 ms each way, then carry 16 KiB/s',
  async befalls({ routes, tell }) {
    for (const link of routes.around([0])) link.set({ delayMs: 100 });
    await sleep(6_000);
    tell('16 KiB/s');
    for (const link of routes.around([0])) link.set({ bytesPerSecond: 16 * 1024 });
    await sleep(8_000);
  },
});
