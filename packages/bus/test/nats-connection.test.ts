import { memoryBus, memoryNetwork, natsBus } from '@ringfort/bus';
import { startNatsServer } from '@ringfort/nats-server';
import { expect, test, vi } from 'vitest';
import { double, hang } from './support/contracts.ts';
import { gate, statusOf } from './support/harness.ts';

const soon = { timeoutMs: 5_000 };
/** A port on which a server was, and is not now. */
async function freedPort(): Promise<number> {
  const server = await startNatsServer();
  await server.stop();
  return server.port;
}

test('with failFast, a refused first connection is a clear error', async () => {
  const servers = `nats://127.0.0.1:${await freedPort()}`;
  const made = natsBus({ servers, cluster: 'dev', self: 'node.n1', failFast: true });
  await expect(made).rejects.toMatchObject({
    code: 'CONNECT_FAILED',
    message: `cannot connect to NATS at ${servers}: connection refused`,
    details: { servers },
  });
});

test('without it, the bus goes on trying, and serves itself meanwhile', async () => {
  const port = await freedPort();
  const told = vi.fn();
  const servers = `nats://127.0.0.1:${port}`;
  const bus = await natsBus({ servers, cluster: 'dev', self: 'node.n1', onError: told });
  expect(bus.status).toBe('connecting');
  expect(told).toHaveBeenCalledWith(expect.objectContaining({ code: 'CONNECT_FAILED' }), 'connection');
  bus.serve('node.n1.math', double, (n) => n * 2);
  expect(await bus.request('node.n1.math', double, 2, soon)).toBe(4);
  const elsewhere = bus.request('node.n2.math', double, 2, soon);
  await expect(elsewhere).rejects.toMatchObject({ code: 'DISCONNECTED' });
  const server = await startNatsServer({ port });
  await statusOf(bus, 'connected');
  const client = await natsBus({ servers, cluster: 'dev', self: 'client.c1', failFast: true });
  await bus.flush();
  expect(await client.request('node.n1.math', double, 3, soon)).toBe(6);
  await Promise.all([bus.close(), client.close()]);
  await server.stop();
});

test('closing while connecting, or while the server is gone, ends at once', async () => {
  const connecting = await natsBus({
    servers: `nats://127.0.0.1:${await freedPort()}`,
    cluster: 'dev',
    self: 'node.n1',
    onError: () => {},
  });
  await connecting.close();
  expect(connecting.status).toBe('closed');
  const server = await startNatsServer();
  const lost = await natsBus({ servers: server.url, cluster: 'dev', self: 'node.n1', failFast: true });
  await server.stop();
  await statusOf(lost, 'disconnected');
  await lost.close();
  expect(lost.status).toBe('closed');
});

test('a hung server is noticed by pings, and requests end DISCONNECTED', { timeout: 30_000 }, async () => {
  const server = await startNatsServer();
  const options = { servers: server.url, cluster: 'dev', failFast: true, pingIntervalMs: 100 };
  const bus = await natsBus({ ...options, self: 'node.n1' });
  const client = await natsBus({ ...options, self: 'client.c1' });
  const asked = gate();
  bus.serve('node.n1.math', hang, () => {
    asked.open();
    return new Promise(() => {});
  });
  await bus.flush();
  const request = client.request('node.n1.math', hang, 1, { timeoutMs: 60_000 });
  const code = request.catch((error) => error.code);
  await asked.opened;
  server.kill('SIGSTOP');
  expect(await code).toBe('DISCONNECTED');
  server.kill('SIGCONT');
  await Promise.all([statusOf(bus, 'connected'), statusOf(client, 'connected')]);
  await Promise.all([bus.close(), client.close()]);
  await server.stop();
});

test('identities and clusters that could not be told apart are refused', async () => {
  const network = memoryNetwork();
  for (const self of ['n1', 'node.', 'node.a.b', 'client.*', 'node.a b']) {
    expect(() => memoryBus({ network, cluster: 'dev', self })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  }
  const badCluster = () => memoryBus({ network, cluster: 'a.b', self: 'node.n1' });
  expect(badCluster).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});
