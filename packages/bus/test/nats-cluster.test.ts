import { natsBus } from '@ringfort/bus';
import { startNatsCluster } from '@ringfort/nats-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { busCompliance } from './compliance.ts';
import { double } from './support/contracts.ts';
import { statusOf } from './support/harness.ts';
import { harnessOver, interestSpread } from './support/nats-harness.ts';

const three: { cluster?: Awaited<ReturnType<typeof startNatsCluster>> } = {};
beforeAll(async () => {
  three.cluster = await startNatsCluster(3);
});
afterAll(() => three.cluster?.stop());

busCompliance('NATS bus over three servers', async () => {
  const { urls } = three.cluster!;
  let turn = 0;
  const harness = harnessOver({ cluster: 'compliance', next: () => urls[turn++ % 3]!, stopServers: async () => {} });
  return {
    ...harness,
    async settled(...served) {
      await harness.settled(...served);
      await interestSpread(urls);
    },
  };
});

test('when its server dies, a bus goes on through another one', async () => {
  const { urls, servers } = three.cluster!;
  const server = await natsBus({ servers: urls[1]!, cluster: 'failover', self: 'node.n1' });
  const client = await natsBus({ servers: urls[0]!, cluster: 'failover', self: 'client.c1' });
  server.serve('node.n1.math', double, (n) => n * 2);
  await server.flush();
  await interestSpread(urls);
  expect(await client.request('node.n1.math', double, 2, { timeoutMs: 5_000 })).toBe(4);
  const lost = statusOf(client, 'disconnected');
  servers[0]!.kill('SIGKILL');
  await lost;
  await statusOf(client, 'connected');
  expect(await client.request('node.n1.math', double, 3, { timeoutMs: 5_000 })).toBe(6);
  await Promise.all([client.close(), server.close()]);
});
