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
