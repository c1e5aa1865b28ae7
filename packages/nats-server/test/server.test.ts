import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { findNatsServer, type NatsServer, type NatsServerOptions, startNatsServer } from '../src/index.ts';
import { greeting } from '../src/server.ts';

const started: NatsServer[] = [];
const start = async (options?: NatsServerOptions) => {
  const server = await startNatsServer(options);
  started.push(server);
  return server;
};

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** The ports files, in temporary folders, that name a process. */
const filesOf = async (pid: number): Promise<string[]> => {
  const folders = (await readdir(tmpdir())).filter((name) => name.startsWith('ringfort-nats-'));
  const names = await Promise.all(folders.map((name) => readdir(join(tmpdir(), name)).catch(() => [])));
  return names.flat().filter((name) => name.endsWith(`_${pid}.ports`));
};

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

describe.skipIf((await findNatsServer()) === undefined)('startNatsServer', () => {
  it('is ready when the promise resolves, each on its own port', async () => {
    const servers = await Promise.all([start(), start(), start()]);
    expect(new Set(servers.map((server) => server.port)).size).toBe(3);
    const greetings = await Promise.all(servers.map((server) => greeting(server.host, server.port)));
    expect(new Set(greetings.map((info) => info?.serverId)).size).toBe(3);
    expect(servers.every((server) => server.url === `nats://127.0.0.1:${server.port}`)).toBe(true);
  });

  it('ends by stop, even when paused, and leaves no files', async () => {
    const server = await start({ jetstream: true });
    expect(await filesOf(server.pid)).toHaveLength(1);
    server.kill('SIGSTOP');
    await Promise.all([server.stop(), server.stop()]);
    expect(isAlive(server.pid)).toBe(false);
    expect(server.kill('SIGTERM')).toBe(false);
    expect(await filesOf(server.pid)).toEqual([]);
  });

  it('tells when it was killed, and starts again on the same port', async () => {
    const first = await start();
    first.kill('SIGKILL');
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    const second = await start({ port: first.port });
    expect(second.url).toBe(first.url);
    expect(second.pid).not.toBe(first.pid);
  });

  it('names a taken port', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({
      code: 'NATS_PORT_TAKEN',
      details: { port, lastLine: expect.stringContaining('address already in use') },
    });
  });

  it('passes on what nats-server says of a bad configuration', async () => {
    await expect(start({ config: 'colour: red' })).rejects.toMatchObject({
      code: 'NATS_SERVER_REFUSED',
      message: expect.stringContaining('unknown field "colour"'),
    });
  });

  it('passes on what nats-server says of a store it cannot write', async () => {
    await expect(start({ storeDir: '/proc/ringfort' })).rejects.toMatchObject({
      code: 'NATS_SERVER_REFUSED',
      message: expect.stringContaining('JetStream'),
    });
  });

  it('obeys a configuration text, with its own port all the same', async () => {
    const server = await start({ config: 'port: 4222\nmax_payload: 4096\nauthorization { token: "secret" }' });
    expect(server.port).not.toBe(4222);
    const response = await raw(server, 'CONNECT {"verbose":true,"auth_token":"wrong"}\r\nPING\r\n');
    expect(response).toContain('Authorization Violation');
  });

  it('keeps its log where it is told to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nats-server-test-'));
    try {
      const server = await start({ logFile: join(folder, 'a.log') });
      expect(server.logTail()).toContain('Listening for client connections');
      await server.stop();
      expect(await readdir(folder)).toEqual(['a.log']);
      expect(server.logTail()).toContain('Server Exiting');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says so when it is not ready in time, and leaves none running', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nats-server-test-'));
    const hanging = join(folder, 'nats-server');
    await writeFile(hanging, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
    try {
      await expect(start({ executable: hanging, startTimeoutMs: 50 })).rejects.toMatchObject({
        code: 'NATS_START_TIMEOUT',
      });
    } finally {
      await rm(folder, { recursive: true });
    }
    await expect(start({ executable: '/nonexistent/nats-server' })).rejects.toMatchObject({
      code: 'NATS_SERVER_NOT_EXECUTABLE',
    });
  });
});

describe('options', () => {
  it.each([{ port: -1 }, { port: 65_536 }, { port: 1.5 }, { clusterPort: Number.NaN }, { config: '', configFile: '' }])(
    'refuses %o',
    async (options) => {
      await expect(start(options)).rejects.toMatchObject({ code: 'NATS_OPTION_INVALID' });
    },
  );
});

async function raw(server: NatsServer, text: string): Promise<string> {
  const { connect } = await import('node:net');
  return new Promise((resolve, reject) => {
    let seen = '';
    const socket = connect({ host: server.host, port: server.port });
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      seen += chunk;
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(seen));
    socket.write(text);
  });
}
