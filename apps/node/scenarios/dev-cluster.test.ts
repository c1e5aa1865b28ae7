import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsServer } from '@ringfort/nats-server';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { freeRange } from '../src/demo/cluster.ts';
import { Command, isAlive, pidsOf, untilGone } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'ringfort-dev-'));
const commands: Command[] = [];
let nextData = 0;

afterEach(async () => {
  await Promise.all(
    commands.splice(0).map(async (command) => {
      if (command.child.exitCode === null && command.child.signalCode === null) await command.stop('SIGTERM');
      await untilGone(pidsOf(command.text));
    }),
  );
});
afterAll(() => rmSync(directory, { recursive: true }));

function newData(): string {
  nextData += 1;
  return join(directory, `d${nextData}`);
}

function ringfort(args: readonly string[], env: NodeJS.ProcessEnv = {}): Command {
  const command = new Command(args, env);
  commands.push(command);
  return command;
}

async function startDev(port: number, data: string, ...more: string[]): Promise<Command> {
  const command = ringfort(['dev', '--nodes', '3', '--http-port', String(port), '--data', data, ...more]);
  await command.said(/^ringfort: 3 nodes ready, .*$/m);
  return command;
}
const urlOf = (port: number, key: string) => `http://127.0.0.1:${port}/v1/buckets/carts/keys/${key}`;
const put = (port: number, key: string, body: string) => fetch(urlOf(port, key), { method: 'PUT', body });
const get = async (port: number, key: string) => (await fetch(urlOf(port, key))).text();

describe('ringfort dev', () => {
  it('says what it started, answers at every node, ends without a trace, and finds its data again', async () => {
    const [port, data] = [await freeRange(3), newData()];
    const first = await startDev(port, data);
    expect(first.text).toMatch(/node n1 ready, http:\/\/127\.0\.0\.1:\d+ \(pid \d+\)/);
    expect(first.text).toContain(`ringfort: 3 nodes ready, http://127.0.0.1:${port}\n`);
    expect(first.text.split('Try:\n')[1]?.trim().split('\n')).toHaveLength(3);
    expect((await put(port, 'ada', 'milk')).status).toBe(204);
    for (const index of [0, 1, 2]) expect(await get(port + index, 'ada')).toBe('milk');
    const pids = pidsOf(first.text);
    expect(pids).toHaveLength(3);
    expect((await first.stop('SIGINT')).code).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);

    const second = await startDev(port, data);
    expect(await get(port + 2, 'ada')).toBe('milk');
    expect((await second.stop('SIGTERM')).code).toBe(0);
  });

  it('goes on when a node is killed, and takes it back when it is started by hand', async () => {
    const [port, data] = [await freeRange(3), newData()];
    const dev = await startDev(port, data);
    const killed = Number(/node n2 ready, .*\(pid (\d+)\)/.exec(dev.text)?.[1]);
    process.kill(killed, 'SIGKILL');
    const [, config] = await dev.said(/node n2 \(pid \d+\) ended \(SIGKILL\).*\n.* node --config (\S+)\n/);
    const statuses = await Promise.all(
      Array.from({ length: 20 }, (_, index) => put(port, `k${index}`, 'v').then(({ status }) => status)),
    );
    expect(new Set(statuses)).toEqual(new Set([204]));

    const byHand = ringfort(['node', '--config', config ?? '']);
    await byHand.said(/node n2 ready/);
    await expect.poll(async () => hintsHeld(port), { timeout: 20_000, interval: 250 }).toBe(0);
    for (let index = 0; index < 20; index += 1) expect(await digests(port, `k${index}`)).toHaveLength(1);

    expect((await dev.stop()).code).toBe(0);
    expect(isAlive(byHand.child.pid ?? 0)).toBe(true); // it lives on its own
    expect((await byHand.stop('SIGTERM')).code).toBe(0);
  });

  it('takes its nodes and its nats-server with it when it is killed itself', async () => {
    const [port, data] = [await freeRange(3), newData()];
    const dev = await startDev(port, data);
    const pids = pidsOf(dev.text);
    const { natsPort } = JSON.parse(readFileSync(join(data, 'cluster.json'), 'utf8')) as { natsPort: number };
    await dev.stop('SIGKILL');
    await untilGone(pids);
    await expect.poll(() => connects(natsPort)).toBe(false);
    const again = await startDev(port, data);
    expect((await put(port, 'k', 'v')).status).toBe(204);
    await again.stop();
  });

  it('brings its nats-server back at the same place', async () => {
    const [port, data] = [await freeRange(3), newData()];
    const dev = await startDev(port, data);
    const former = natsPid(dev);
    process.kill(former, 'SIGKILL');
    await dev.said(/nats-server \(pid \d+\) ended \(SIGKILL\); starting it again/);
    // Each node finds its own way back: until then it cannot reach a quorum, and says so.
    for (const node of [0, 1, 2])
      await expect.poll(async () => (await put(port + node, 'first', 'v')).status, { timeout: 10_000 }).toBe(204);
    expect((await put(port + 1, 'k', 'v')).status).toBe(204);
    expect(await get(port + 2, 'k')).toBe('v');
    await dev.stop();
  });

  it('uses the NATS server that it is given, and leaves it alone', async () => {
    const nats = await startNatsServer();
    try {
      const port = await freeRange(3);
      const dev = await startDev(port, newData(), '--nats', nats.url);
      expect((await put(port, 'k', 'v')).status).toBe(204);
      await dev.stop();
      expect(await connects(nats.port)).toBe(true);
    } finally {
      await nats.stop();
    }
  });

  it('runs embedded, in one process, and says so', async () => {
    const [port, data] = [await freeRange(3), newData()];
    const dev = await startDev(port, data, '--embedded');
    expect(dev.text).toContain('embedded: all nodes run in this process');
    expect(new Set(pidsOf(dev.text))).toEqual(new Set([dev.child.pid]));
    expect((await put(port, 'k', 'v')).status).toBe(204);
    expect((await dev.stop()).code).toBe(0);
    const again = await startDev(port, data, '--embedded');
    expect(await get(port + 1, 'k')).toBe('v');
    await again.stop();
  });

  it('runs embedded where there is no nats-server, and says how to get one', async () => {
    const port = await freeRange(3);
    const dev = ringfort(['dev', '--nodes', '3', '--http-port', String(port), '--data', newData()], {
      RINGFORT_NATS_SERVER: '/nonexistent',
    });
    await dev.said(/3 nodes ready/);
    expect(dev.text).toContain('no nats-server was found');
    await dev.stop();
  });

  it('can be stopped while it starts', async () => {
    const dev = ringfort(['dev', '--nodes', '3', '--http-port', String(await freeRange(3)), '--data', newData()]);
    await dev.said(/node n\d ready|./s).catch(() => undefined);
    expect((await dev.stop()).code).toBe(0);
  });
});

describe('ringfort dev refuses', () => {
  async function refusal(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const command = ringfort(['dev', ...args], env);
    const { code } = await command.ended;
    expect(code).toBeGreaterThan(0);
    expect(pidsOf(command.text)).toEqual([]);
    expect(command.text.trim().split('\n')).toHaveLength(1);
    return command.text;
  }

  it('a taken port', async () => {
    const port = await freeRange(3);
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(port + 1, '127.0.0.1', resolve));
    expect(await refusal(['--nodes', '3', '--http-port', String(port), '--data', newData()])).toContain(
      `port ${port + 1} of 127.0.0.1 is taken`,
    );
    await new Promise((resolve) => void other.close(resolve));
  });

  it('a directory that cannot be written', async () => {
    const file = join(directory, 'a-file');
    writeFileSync(file, '');
    expect(await refusal(['--data', join(file, 'data'), '--http-port', String(await freeRange(5))])).toContain(
      'cannot write in',
    );
  });

  it('a NATS server that is not there, or is none', async () => {
    const port = String(await freeRange(5));
    expect(await refusal(['--nats', 'nats://127.0.0.1:1', '--http-port', port, '--data', newData()])).toContain(
      'no NATS server answers',
    );
    const other = createServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(other.address() as { port: number }).port}`;
    expect(await refusal(['--nats', address, '--http-port', port, '--data', newData()])).toContain(
      'it is not a NATS server',
    );
    await new Promise((resolve) => void other.close(resolve));
  });

  it('a nats-server that does not start', async () => {
    const env = { RINGFORT_NATS_SERVER: '/bin/false' };
    expect(await refusal(['--http-port', String(await freeRange(5)), '--data', newData()], env)).toContain(
      'nats-server did not start',
    );
  });

  it('a directory in use, and another number of nodes', async () => {
    const [port, data] = [await freeRange(3), newData()];
    const dev = await startDev(port, data);
    const elsewhere = String(await freeRange(3));
    expect(await refusal(['--nodes', '3', '--http-port', elsewhere, '--data', data])).toContain(
      'a cluster already runs in',
    );
    await dev.stop();
    expect(await refusal(['--nodes', '5', '--http-port', elsewhere, '--data', data])).toContain(
      'holds a cluster of 3 nodes',
    );
  });
});

async function hintsHeld(port: number): Promise<number> {
  let sum = 0;
  for (const index of [0, 1, 2]) {
    const text = await (await fetch(`http://127.0.0.1:${port + index}/metrics`)).text();
    for (const [, count] of text.matchAll(/^ringfort_hints_held\{.*\} (\d+)$/gm)) sum += Number(count);
  }
  return sum;
}

/** The different digests that the replicas of a key hold. */
async function digests(port: number, key: string): Promise<string[]> {
  const { replicas } = (await (await fetch(`${urlOf(port, key)}/replicas`)).json()) as {
    replicas: { digest?: string }[];
  };
  expect(replicas).toHaveLength(3);
  return [...new Set(replicas.map(({ digest }) => digest ?? 'none'))];
}

function connects(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}`).then(
    () => true,
    (error: { cause?: { code?: string } }) => error.cause?.code !== 'ECONNREFUSED',
  );
}

/** The nats-server among the children of a `ringfort dev` (Linux). */
function natsPid(dev: Command): number {
  const children = readFileSync(`/proc/${dev.child.pid}/task/${dev.child.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number);
  const found = children.find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('nats-server'));
  if (found === undefined) throw new Error('there is no nats-server');
  return found;
}
