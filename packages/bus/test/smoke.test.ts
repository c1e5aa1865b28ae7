import { defineContract, memoryBus, memoryNetwork } from '@ringfort/bus';
import { expect, test } from 'vitest';
import { z } from 'zod';

test('a request crosses the memory network', async () => {
  const network = memoryNetwork();
  const server = memoryBus({ network, cluster: 'dev', self: 'node.n1' });
  const client = memoryBus({ network, cluster: 'dev', self: 'client.c1' });
  const double = defineContract({ verb: 'double', request: z.int(), reply: z.int() });
  server.serve('node.n1.math', double, (n) => n * 2);
  expect(await client.request('node.n1.math', double, 21, { timeoutMs: 1000 })).toBe(42);
  await expect(client.request('node.n2.math', double, 21, { timeoutMs: 1000 })).rejects.toMatchObject({
    code: 'NO_RESPONDERS',
  });
  await Promise.all([server.close(), client.close()]);
  expect(server.status).toBe('closed');
});
