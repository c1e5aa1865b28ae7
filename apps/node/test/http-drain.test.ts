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
