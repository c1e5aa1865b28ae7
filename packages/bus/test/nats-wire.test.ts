import { connect } from '@nats-io/transport-node';
import { defineContract, natsBus } from '@ringfort/bus';
import { startNatsServer } from '@ringfort/nats-server';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { double } from './support/contracts.ts';
import { statusOf } from './support/harness.ts';

const soon = { timeoutMs: 5_000 };

test('a bus and another user of the NATS client in one process come back, over whichever sockets', async () => {
  let server = await startNatsServer();
  const { port, url } = server;
  const common = { servers: url, cluster: 'dev', failFast: true };
  const other = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const node = await natsBus({ ...common, self: 'node.n1' });
  const client = await natsBus({ ...common, self: 'client.c1' });
  node.serve('node.n1.math', double, (n) => n * 2);
  other.subscribe('other.ask', { callback: (_error, message) => void message.respond(message.data) });
  // Each sets the client's one factory for the whole process; who connected last counts for reconnects.
  const othersAreLast = async () => (await connect({ servers: url })).close();
  for (const prepare of [async () => {}, othersAreLast]) {
    await prepare();
    await server.stop();
    await Promise.all([statusOf(node, 'disconnected'), statusOf(client, 'disconnected')]);
    server = await startNatsServer({ port });
    await Promise.all([statusOf(node, 'connected'), statusOf(client, 'connected')]);
    await node.flush();
    expect(await client.request('node.n1.math', double, 4, soon)).toBe(8);
    await expect(client.request('node.n2.math', double, 4, soon)).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
    const answered = () => other.request('other.ask', 'hello', { timeout: 500 }).then((message) => message.string());
    await expect.poll(answered, { timeout: 5_000 }).toBe('hello');
  }
  await Promise.all([node.close(), client.close(), other.close()]);
  await server.stop();
});

test('what the network is slow to take arrives as it was', { timeout: 30_000 }, async () => {
  const fill = defineContract({
    verb: 'fill',
    request: z.object({ n: z.int(), bytes: z.instanceof(Uint8Array) }),
    reply: z.int(),
  });
  const server = await startNatsServer();
  const common = { servers: server.url, cluster: 'dev', failFast: true };
  const node = await natsBus({ ...common, self: 'node.n1' });
  const client = await natsBus({ ...common, self: 'client.c1' });
  node.serve('node.n1.fill', fill, ({ n, bytes }) => (bytes.every((byte) => byte === n % 251) ? n : -1));
  await node.flush();
  server.kill('SIGSTOP');
  const asked: Promise<number>[] = [];
  for (let n = 1; n <= 400; n++) {
    // Small ones, that share the outgoing memory, and some beyond it.
    const bytes = new Uint8Array(n % 40 === 0 ? 300_000 : 17_000).fill(n % 251);
    asked.push(client.request('node.n1.fill', fill, { n, bytes }, { timeoutMs: 20_000 }));
    if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  server.kill('SIGCONT');
  expect(await Promise.all(asked)).toEqual(asked.map((_, i) => i + 1));
  await Promise.all([node.close(), client.close()]);
  await server.stop();
});
