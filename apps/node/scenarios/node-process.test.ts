import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, type NatsServer, startNatsServer } from '@ringfort/nats-server';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Command } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'ringfort-node-'));
const commands: Command[] = [];
const servers: NatsServer[] = [];
afterEach(async () => {
  await Promise.all(commands.splice(0).map((command) => command.stop('SIGKILL')));
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function nats(port = 0): Promise<NatsServer> {
  const server = await startNatsServer({ port });
  servers.push(server);
  return server;
}

function node(id: string, natsUrl: string, http: number, ...more: string[]): Command {
  const data = join(directory, id);
  const command = new Command([
    'node',
    '--id',
    id,
    '--nats',
    natsUrl,
    '--data',
    data,
    '--http',
    `127.0.0.1:${http}`,
    ...more,
  ]);
  commands.push(command);
  return command;
}

describe('ringfort node', () => {
  it('ends with 0 on SIGTERM, after what was under way, and says nothing on a quiet day', async () => {
    const [http = 0] = await freePorts(1);
    const running = node('quiet', (await nats()).url, http);
    await running.said(/node quiet ready/);
    const key = `http://127.0.0.1:${http}/v1/buckets/b/keys/k`;
    const writes = Array.from({ length: 50 }, () =>
      fetch(key, { method: 'PUT', body: 'v' }).then(
        ({ status }) => status,
        () => 0,
      ),
    );
    await Promise.race(writes);
    const end = await running.stop('SIGTERM');
    expect(end).toEqual({ code: 0, signal: null });
    // Each was answered: written, or refused by name. None was cut off, but for those not yet accepted.
    for (const status of await Promise.all(writes)) expect([204, 409, 503, 0]).toContain(status);
    expect(running.text.trim().split('\n')).toHaveLength(1);
  });

  it('waits for a NATS server that is not there yet, alive but not ready', async () => {
    const [http = 0, natsPort = 0] = await freePorts(2);
    const running = node('early', `nats://127.0.0.1:${natsPort}`, http, '--seeds', 'early,other');
    const other = node('other', `nats://127.0.0.1:${natsPort}`, 0, '--seeds', 'early,other', '--http', 'off');
    await expect.poll(() => statusOf(http, '/healthz'), { timeout: 20_000 }).toBe(200);
    expect(await statusOf(http, '/readyz')).toBe(503);
    await nats(natsPort);
    await running.said(/node early ready/);
    await other.said(/node other ready/);
    expect(await statusOf(http, '/readyz')).toBe(200);
  });

  it('refuses a directory that another process holds, and a taken port, each in one line', async () => {
    const [http = 0, otherHttp = 0] = await freePorts(2);
    const { url } = await nats();
    await node('held', url, http).said(/ready/);
    const second = node('held', url, otherHttp);
    expect((await second.ended).code).toBe(1);
    expect(second.text).toMatch(/^ringfort: node held: .*\n$/);
    const third = node('other', url, http);
    expect((await third.ended).code).toBe(1);
    expect(third.text).toMatch(/^ringfort: node other: port \d+ of 127\.0\.0\.1 is taken.*\n$/);
  });

  it('stays up whatever bytes come in over HTTP', async () => {
    const [http = 0] = await freePorts(1);
    const running = node('tough', (await nats()).url, http);
    await running.said(/ready/);
    const noise = Array.from({ length: 200 }, (_, seed) =>
      Buffer.from(Array.from({ length: 300 }, (__, at) => (seed * 31 + at * at * 7) % 256)),
    );
    const heads = [
      '',
      'GET ',
      'PUT /v1/buckets/b/keys/',
      'PUT /v1/buckets/b/keys/k HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n',
    ];
    await Promise.all(
      noise.map((bytes, index) => send(http, Buffer.concat([Buffer.from(heads[index % heads.length] ?? ''), bytes]))),
    );
    expect(await statusOf(http, '/readyz')).toBe(200);
    expect((await running.stop('SIGTERM')).code).toBe(0);
  });
});

async function statusOf(port: number, path: string): Promise<number> {
  return fetch(`http://127.0.0.1:${port}${path}`).then(
    ({ status }) => status,
    () => 0,
  );
}

/** Sends bytes and waits until the connection is closed. */
function send(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => void socket.end(bytes));
    socket.resume();
    socket.once('error', () => resolve());
    socket.once('close', () => resolve());
  });
}
