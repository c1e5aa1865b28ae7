import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { findNatsServer, type NatsCluster, startNatsCluster } from '@ringfort/nats-server';
import { TargetMissingError } from '../errors.ts';
import { Cleanup, type Target, type TargetOptions } from '../target.ts';

const BUCKET = 'bench';
const REPLICAS = 3;

/**
 * NATS' own key-value store on JetStream: a Raft group of three, one client connection, to the server that leads the bucket's stream
 * (any other would forward every message).
 */
export async function startJetstreamKv({ nodes, dir }: TargetOptions): Promise<Target> {
  if ((await findNatsServer()) === undefined)
    throw new TargetMissingError('jetstream-kv', 'nats-server is not installed');
  const cleanup = new Cleanup();
  try {
    await mkdir(dir, { recursive: true });
    cleanup.add(() => rm(dir, { recursive: true, force: true }));
    const storeDirs = Array.from({ length: nodes }, (_, index) => join(dir, `nats-${index + 1}`));
    const cluster = await startNatsCluster(nodes, { jetstream: true, clusterName: 'bench', storeDirs });
    cleanup.add(() => cluster.stop());
    const { connection, bucket } = await openBucket(cluster);
    cleanup.add(() => connection.close());
    return {
      name: 'jetstream-kv',
      description: `JetStream KV, nats-server ${connection.info?.version}, ${nodes} servers, R${REPLICAS}, no fsync (every 2 min), gets direct from one replica`,
      pids: cluster.servers.map((server) => server.pid),
      freshReads: false,
      read: (key) => readEntry(bucket, key),
      write: async (key, value) => {
        await bucket.put(key, value);
      },
      stop: () => cleanup.run(),
    };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

async function readEntry(bucket: KV, key: string): Promise<readonly Uint8Array[]> {
  const entry = await bucket.get(key);
  return entry === null || entry.operation !== 'PUT' ? [] : [entry.value];
}

async function openBucket(cluster: NatsCluster): Promise<{ connection: NatsConnection; bucket: KV }> {
  const first = await connectTo(cluster.urls);
  try {
    await new Kvm(first).create(BUCKET, { replicas: REPLICAS, history: 1 });
    const manager = await jetstreamManager(first);
    const info = await manager.streams.info(`KV_${BUCKET}`);
    const leader = cluster.servers.findIndex((_, index) => info.cluster?.leader === `bench-${index + 1}`);
    const connection = await connectTo([cluster.urls[Math.max(leader, 0)]!]);
    return { connection, bucket: await new Kvm(connection).open(BUCKET) };
  } finally {
    await first.close();
  }
}

function connectTo(servers: readonly string[]): Promise<NatsConnection> {
  return connect({ servers: [...servers], name: 'ringfort-bench', noAsyncTraces: true });
}
