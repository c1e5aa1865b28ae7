import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { findNatsServer } from '@ringfort/nats-server';
import { afterEach, describe, expect, it } from 'vitest';
import { startTestCluster, startTestNode, type TestNode, type TestNodeOptions, withTestCluster } from '../src/index.ts';

const binary = fileURLToPath(new URL('./fake-ringfort.mjs', import.meta.url));
const started: TestNode[] = [];
const start = async (options: Partial<TestNodeOptions> = {}): Promise<TestNode> => {
  const node = await startTestNode({ id: 'n1', nats: 'nats://127.0.0.1:1', binary, ...options });
  started.push(node);
  return node;
};

interface Seen {
  readonly command: string;
  readonly flags: Record<string, string>;
  readonly starts: number;
  readonly env: string[];
}
const seen = async (node: TestNode): Promise<Seen> => (await fetch(`${node.url}/seen`)).json() as Promise<Seen>;

const runs = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.stop()));
});

describe('startTestNode', () => {
  it('starts the binary with its flags, and waits until it is ready', async () => {
    const node = await start({
      nats: ['nats://127.0.0.1:1', 'nats://127.0.0.1:2'],
      seeds: ['n1', 'n2'],
      zone: 'a',
      weight: 2,
      durability: 'interval',
      flags: ['--ready-after', '3'],
    });
    await node.waitReady();
    const { command, flags, env } = await seen(node);
    expect(command).toBe('node');
    expect(env).toEqual([]);
    expect(flags).toEqual({
      id: 'n1',
      nats: 'nats://127.0.0.1:1,nats://127.0.0.1:2',
      seeds: 'n1,n2',
      data: node.dataDir,
      http: node.url.slice('http://'.length),
      zone: 'a',
      weight: '2',
      durability: 'interval',
      'ready-after': '3',
    });
  });

  it('restarts with the same data and address, also after it was paused or killed', async () => {
    const node = await start();
    await node.waitReady();
    const first = node.pid;
    node.kill('SIGSTOP');
    await node.restart();
    expect(node.pid).not.toBe(first);
    expect(runs(first)).toBe(false);
    node.kill('SIGKILL');
    expect(await node.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect([node.running, node.kill('SIGCONT')]).toEqual([false, false]);
    await node.restart();
    expect((await seen(node)).starts).toBe(3);
  });

  it('shows the log of a node that ends instead of becoming ready', async () => {
    const node = await start({ flags: ['--refuse', 'no space left'] });
    await expect(node.waitReady()).rejects.toMatchObject({
      code: 'TEST_NODE_EXITED',
      details: { code: 78 },
      message: expect.stringContaining('refused: no space left'),
    });
  });

  it('shows the log of a node that does not become ready in time', async () => {
    const node = await start({ flags: ['--ready-after', '1000000'] });
    await expect(node.waitReady(300)).rejects.toMatchObject({
      code: 'TEST_NODE_NOT_READY',
      message: expect.stringMatching(/HTTP 503 .*joining[\s\S]*"started"/),
    });
  });

  it('stops it and removes its files', async () => {
    const node = await start();
    await node.waitReady();
    expect(await node.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(existsSync(node.dataDir)).toBe(false);
  });

  it('says what to do when the binary has not been built', async () => {
    await expect(start({ binary: '/nonexistent/main.js' })).rejects.toMatchObject({ code: 'TEST_BINARY_MISSING' });
  });
});

describe.skipIf((await findNatsServer()) === undefined)('startTestCluster', () => {
  it('starts nats-servers and nodes that know each other, and leaves nothing behind', async () => {
    const cluster = await startTestCluster({ nodes: 3, natsServers: 2, binary });
    const pids = [...cluster.nodes, ...(cluster.nats?.servers ?? [])].map(({ pid }) => pid);
    const { flags } = await seen(cluster.node('n2'));
    await cluster.stop();
    expect(flags).toMatchObject({ id: 'n2', seeds: 'n1,n2,n3', nats: cluster.natsUrls.join(',') });
    expect(() => cluster.node('n9')).toThrow(expect.objectContaining({ code: 'TEST_NODE_UNKNOWN' }));
    expect(pids).toHaveLength(5);
    expect(pids.filter(runs)).toEqual([]);
  });

  it('leaves nothing running when one node refuses', async () => {
    const nodes = [{ id: 'left-1' }, { id: 'left-2', flags: ['--refuse', 'bad zone'] }];
    await expect(startTestCluster({ nodes, binary })).rejects.toMatchObject({ code: 'TEST_NODE_EXITED' });
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('ringfort-left-'))).toEqual([]);
  });

  it('stops the cluster when its user fails, and shows the logs', async () => {
    let pids: number[] = [];
    const failing = withTestCluster({ nodes: 2, binary }, async (cluster) => {
      pids = cluster.nodes.map(({ pid }) => pid);
      throw new Error('assertion');
    });
    await expect(failing).rejects.toThrow(/assertion\n--- n1 \(running\) ---[\s\S]*--- n2 \(running\) ---/);
    expect(pids).toHaveLength(2);
    expect(pids.filter(runs)).toEqual([]);
  });
});
