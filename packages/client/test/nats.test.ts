import { natsBus } from '@ringfort/bus';
import { get, put } from '@ringfort/coordinator/contract';
import { type NatsServer, startNatsServer } from '@ringfort/nats-server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, InvalidArgumentError, text } from '../src/index.ts';

let server: NatsServer;
beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(() => server?.stop());

it('connects to a real nats-server by its URL, and closes the connection it made', async () => {
  const node = await natsBus({ servers: server.url, cluster: 'real', self: 'node.n1' });
  let stored = new Uint8Array(0);
  const context = Uint8Array.of(1);
  node.serve('kv.put', put, ({ value }) => {
    stored = Uint8Array.from(value);
    return { context, siblings: 1 };
  });
  node.serve('kv.get', get, () => ({ siblings: [{ value: stored, contentType: 'text/plain', dot: 'a:1' }], context }));
  const db = await connect({ servers: server.url, cluster: 'real', clientId: 'me' });
  const words = db.bucket('words', { codec: text });
  await words.put('k', 'hello');
  expect((await words.get('k')).value).toBe('hello');
  expect(db.view().mode).toBe('viewless');
  await db.close();
  await db.close();
  await expect(words.get('k')).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
  await node.close();
});

it('says so when no server accepts it, and when an option cannot be used', async () => {
  await expect(connect({ servers: 'nats://127.0.0.1:1' })).rejects.toMatchObject({
    name: 'RingfortError',
    code: 'CONNECT_FAILED',
  });
  await expect(connect({ servers: server.url, clientId: 'a.b' })).rejects.toThrow(InvalidArgumentError);
});
