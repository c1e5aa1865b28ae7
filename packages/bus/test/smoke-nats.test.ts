import { defineContract, natsBus } from '@ringfort/bus';
import { startNatsServer } from '@ringfort/nats-server';
import { expect, test } from 'vitest';
import { z } from 'zod';

test('a request crosses NATS', async () => {
  const nats = await startNatsServer();
  const common = { servers: nats.url, cluster: 'dev' };
  const server = await natsBus({ ...common, self: 'node.n1' });
  const client = await natsBus({ ...common, self: 'client.c1' });
  const double = defineContract({ verb: 'double', request: z.int(), reply: z.int() });
  server.serve('node.n1.math', double, (n) => n * 2);
  await new Promise((r) => setTimeout(r, 50));
  expect(await client.request('node.n1.math', double, 21, { timeoutMs: 1000 })).toBe(42);
  await expect(client.request('node.n2.math', double, 21, { timeoutMs: 1000 })).rejects.toMatchObject({
    code: 'NO_RESPONDERS',
  });
  await expect(client.request('client.c1.math', double, 21, { timeoutMs: 1000 })).rejects.toMatchObject({
    code: 'NO_RESPONDERS',
  });
  await Promise.all([server.close(), client.close()]);
  expect(server.status).toBe('closed');
  await nats.stop();
});
