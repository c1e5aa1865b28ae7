import { afterEach, describe, expect, it } from 'vitest';
import { findNatsServer, type NatsCluster, startNatsCluster } from '../src/index.ts';
import { greeting } from '../src/server.ts';

const started: NatsCluster[] = [];
const start = async (...args: Parameters<typeof startNatsCluster>) => {
  const cluster = await startNatsCluster(...args);
  started.push(cluster);
  return cluster;
};

afterEach(async () => {
  await Promise.all(started.splice(0).map((cluster) => cluster.stop()));
});

describe.skipIf((await findNatsServer()) === undefined)('startNatsCluster', () => {
  it('is ready when every server knows every other', async () => {
    const cluster = await start(3);
    expect(new Set(cluster.urls).size).toBe(3);
    const ports = cluster.servers.map((server) => `127.0.0.1:${server.port}`).sort();
    for (const server of cluster.servers) {
      const info = await greeting(server.host, server.port);
      expect([...(info?.connectUrls ?? [])].sort()).toEqual(ports);
    }
  });

  it('brings a killed server back on the same port', async () => {
    const cluster = await start(3);
    const [killed] = cluster.servers;
    killed?.kill('SIGKILL');
    await killed?.exited;
    await cluster.restart(0);
    expect(cluster.servers[0]?.port).toBe(killed?.port);
    expect(cluster.servers[0]?.pid).not.toBe(killed?.pid);
  });

  it('starts again after all servers were killed, one by one', async () => {
    const cluster = await start(3);
    for (const server of cluster.servers) server.kill('SIGKILL');
    await Promise.all(cluster.servers.map(({ exited }) => exited));
    expect(cluster.servers.map(({ running }) => running)).toEqual([false, false, false]);
    for (const index of [0, 1, 2]) await cluster.restart(index);
    expect(cluster.servers.map(({ running }) => running)).toEqual([true, true, true]);
  });

  it('leads routes through what stands between the servers, and has no other way', async () => {
    const seen: string[] = [];
    const direct = async (from: number, to: number, port: number) => {
      seen.push(`${from}-${to}`);
      return `127.0.0.1:${port}`;
    };
    const cluster = await start(3, {
      noAdvertise: true,
      routesThrough: { addressOf: direct, nowhere: '127.0.0.1:9' },
    });
    expect(seen).toEqual(['0-1', '0-2', '1-2']);
    for (const server of cluster.servers) {
      const info = await greeting(server.host, server.port);
      expect(new Set(info?.connectUrls).size).toBeLessThan(2);
    }
    const answer = await fetch(`${cluster.servers[2]?.monitoringUrl}/routez`);
    const { routes } = (await answer.json()) as { routes: { did_solicit: boolean }[] };
    expect(routes.map(({ did_solicit }) => did_solicit)).toEqual([false, false]);
  });

  it('has a JetStream leader when ready', async () => {
    const cluster = await start(3, { jetstream: true, clusterName: 'js' });
    const response = await fetch(`${cluster.servers[1]?.monitoringUrl}/jsz`);
    const state = (await response.json()) as { meta_cluster?: { leader?: string; cluster_size?: number } };
    expect(state.meta_cluster?.leader).toMatch(/^js-[123]$/);
    expect(state.meta_cluster?.cluster_size).toBe(3);
  });

  it('leaves none running when one refuses', async () => {
    await expect(start(2, { config: 'colour: red' })).rejects.toMatchObject({ code: 'NATS_SERVER_REFUSED' });
    await expect(start(0)).rejects.toMatchObject({ code: 'NATS_OPTION_INVALID' });
    await expect(start(2, { storeDirs: ['/tmp/only-one'] })).rejects.toMatchObject({ code: 'NATS_OPTION_INVALID' });
  });
});
