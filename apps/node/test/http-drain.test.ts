import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { systemClock } from '@ringfort/bus';
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { drainable } from '../src/http/drain.ts';

it('while it drains a server answers on, and tells each client to let go of its connection', async () => {
  const app = Fastify();
  app.get('/', () => 'served');
  const draining = drainable(app, systemClock);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const before = await fetch(url);
  expect([await before.text(), before.headers.get('connection')]).toEqual(['served', 'keep-alive']);
  const drained = draining.drain();
  const during = await fetch(url);
  expect([await during.text(), during.headers.get('connection')]).toEqual(['served', 'close']);
  await drained;
  await expect(fetch(url)).rejects.toThrow();
});

it('without connections a server closes at once', async () => {
  const app = Fastify();
  const never = { ...systemClock, setTimeout: () => expect.unreachable('it should not wait') };
  const draining = drainable(app, never);
  await app.listen({ host: '127.0.0.1', port: 0 });
  await draining.drain();
});

it('connections that wait to be accepted are answered, not reset', async () => {
  const app = Fastify();
  app.get('/', () => 'served');
  const draining = drainable(app, systemClock);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const answers = Array.from({ length: 40 }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.end('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    return text(socket);
  });
  // Not one of them is accepted yet: Node takes one per turn of its event loop.
  await Promise.all([draining.drain(), ...answers]);
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/served$/);
});
