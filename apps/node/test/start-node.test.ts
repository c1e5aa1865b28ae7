import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryNetwork } from '@ringfort/bus';
import { untilMember } from '@ringfort/membership';
import { pino } from 'pino';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config-sources.ts';
import { beginNode, type NodeDeps, type RunningNode, startNode } from '../src/start-node.ts';

const directory = mkdtempSync(join(tmpdir(), 'ringfort-start-'));
const running: RunningNode[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()));
});
afterAll(() => rmSync(directory, { recursive: true }));

const log = pino({ level: 'silent' });
function configOf(id: string, flags: Record<string, string> = {}) {
  return loadConfig({ flags: { id, nats: 'embedded', data: join(directory, id), http: '127.0.0.1:0', ...flags } });
}
async function start(id: string, flags?: Record<string, string>, deps?: NodeDeps): Promise<RunningNode> {
  const node = await startNode(configOf(id, flags), { network: memoryNetwork(), processMetrics: false, log, ...deps });
  running.push(node);
  return node;
}

describe('a node', () => {
  it('founds a cluster of its own, serves it over HTTP, and finds its data again', async () => {
    const first = await start('alone');
    await untilMember(first.membership, 5000);
    const key = '/v1/buckets/b/keys/k';
    const put = await fetch(`${first.httpUrl}${key}`, { method: 'PUT', body: 'v' });
    expect(put.status).toBe(204);
    expect(await (await fetch(`${first.httpUrl}/readyz`)).json()).toEqual({
      status: 'serving',
      node: 'alone',
      bus: 'connected',
      storage: 'serving',
    });
    await first.stop();
    running.pop();
    const again = await start('alone');
    await untilMember(again.membership, 5000);
    expect(await (await fetch(`${again.httpUrl}${key}`)).text()).toBe('v');
    expect(again.store.storeId).toBe(first.store.storeId);
  });

  it('takes part in a cluster: three nodes answer for each other', async () => {
    const network = memoryNetwork();
    const ids = ['a1', 'a2', 'a3'];
    const nodes = await Promise.all(ids.map((id) => start(id, { seeds: ids.join(',') }, { network })));
    await Promise.all(nodes.map((node) => untilMember(node.membership, 5000)));
    const [first, second, third] = nodes;
    const made = await fetch(`${first?.httpUrl}/v1/buckets/carts`, {
      method: 'PUT',
      body: '{"conflict":"siblings","n":3}',
    });
    expect(made.status).toBe(200);
    await fetch(`${first?.httpUrl}/v1/buckets/carts/keys/ada?w=all`, { method: 'PUT', body: 'milk' });
    await fetch(`${second?.httpUrl}/v1/buckets/carts/keys/ada?w=all`, { method: 'PUT', body: 'tea' });
    const siblings = await fetch(`${third?.httpUrl}/v1/buckets/carts/keys/ada`);
    expect(siblings.status).toBe(300);
    const context = siblings.headers.get('ringfort-context') ?? '';
    await fetch(`${third?.httpUrl}/v1/buckets/carts/keys/ada`, {
      method: 'DELETE',
      headers: { 'ringfort-context': context },
    });
    const gone = await fetch(`${first?.httpUrl}/v1/buckets/carts/keys/ada?r=all`);
    expect(gone.status).toBe(404);
    expect(gone.headers.get('ringfort-context')).not.toBeNull();
    const metrics = await (await fetch(`${first?.httpUrl}/metrics`)).text();
    expect(metrics).toContain('ringfort_requests_total{verb="put",way="http",node="a1"} 1');
    const cluster = (await (await fetch(`${second?.httpUrl}/v1/cluster`)).json()) as {
      nodes: { id: string; status: string; http: string }[];
    };
    expect(cluster.nodes.map(({ id, status }) => `${id} ${status}`)).toEqual(['a1 up', 'a2 up', 'a3 up']);
    expect(cluster.nodes.map(({ http }) => http)).toEqual(nodes.map(({ httpUrl }) => httpUrl));
  });

  it('is not ready before the others of its founding are there', async () => {
    const early = await start('early', { seeds: 'early,late' });
    const readyz = await fetch(`${early.httpUrl}/readyz`);
    expect(readyz.status).toBe(503);
    expect(await readyz.json()).toMatchObject({ code: 'NOT_READY', reason: expect.stringContaining('joining') });
    const put = await fetch(`${early.httpUrl}/v1/buckets/b/keys/k`, { method: 'PUT', body: 'v' });
    expect([put.status, ((await put.json()) as { code: string }).code]).toEqual([503, 'NOT_SERVING']);
    expect((await fetch(`${early.httpUrl}/healthz`)).status).toBe(200);
  });

  it('serves no HTTP where it is told so', async () => {
    expect((await start('silent', { http: 'off' })).httpUrl).toBeUndefined();
  });
});

describe('a start that fails', () => {
  it('on a taken port closes the store again, and touches nothing else', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const failing = start('taken', { http: `127.0.0.1:${port}` });
    await expect(failing).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(`port ${port}`),
    });
    await new Promise((resolve) => void other.close(resolve));
    await start('taken'); // the directory is free again
  });

  it('on an address that is not ours', async () => {
    await expect(start('elsewhere', { http: '192.0.2.1:7001' })).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  });

  it('on a directory that another node holds', async () => {
    await start('held');
    await expect(start('held')).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  });

  it('on a directory that cannot be', async () => {
    writeFileSync(join(directory, 'file'), '');
    await expect(start('x', { data: join(directory, 'file', 'data') })).rejects.toMatchObject({
      code: 'DIRECTORY_NOT_WRITABLE',
    });
  });

  it('on embedded NATS without a network, and on credentials that are not there', async () => {
    await expect(start('y', {}, { network: undefined })).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    const flags = { nats: 'nats://127.0.0.1:1', 'natsAuth.credsFile': join(directory, 'none.creds') };
    await expect(start('z', flags)).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('ENOENT'),
    });
  });
});

describe('a stop', () => {
  it('during the start ends it in order', async () => {
    const life = beginNode(configOf('hasty'), { network: memoryNetwork(), processMetrics: false, log });
    const stopped = life.stop();
    await expect(life.started).rejects.toMatchObject({ code: 'NOT_READY' });
    await stopped;
    await expect(life.ended).resolves.toEqual({ how: 'stopped' });
    await start('hasty');
  });

  it('leaves a marker that the next start takes', async () => {
    const node = await start('marked');
    await node.stop();
    running.pop();
    expect(existsSync(join(directory, 'marked', 'run-marker.json'))).toBe(true);
    await start('marked');
    expect(existsSync(join(directory, 'marked', 'run-marker.json'))).toBe(false);
  });

  it('may be asked for twice', async () => {
    const node = await start('twice');
    await Promise.all([node.stop(), node.stop()]);
    await node.stop();
    await expect(fetch(`${node.httpUrl}/healthz`)).rejects.toThrow();
  });
});
