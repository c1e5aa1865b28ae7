import { mkdir, rm } from 'node:fs/promises';
import { type Bucket, bytes, type Context, connect } from '@ringfort/client';
import { findNatsServer, startNatsServer } from '@ringfort/nats-server';
import { TargetMissingError } from '../errors.ts';
import { Cleanup, type Target, type TargetOptions } from '../target.ts';
import { CLUSTER, startNodes } from './ringfort-nodes.ts';

const BUCKET = 'bench';

/** Ringfort: nodes in their own processes over one nats-server, N=3 R=W=2, one client. */
export async function startRingfort({ nodes, durability, dw, dir, nodeFlags }: TargetOptions): Promise<Target> {
  if ((await findNatsServer()) === undefined) throw new TargetMissingError('ringfort', 'nats-server is not installed');
  const cleanup = new Cleanup();
  try {
    await mkdir(dir, { recursive: true });
    cleanup.add(() => rm(dir, { recursive: true, force: true }));
    const nats = await startNatsServer();
    cleanup.add(() => nats.stop());
    const running = await startNodes({ nodes, dir, natsUrl: nats.url, flags: ['--durability', durability], nodeFlags });
    cleanup.add(() => running.stop());
    const db = await connect({ servers: nats.url, cluster: CLUSTER });
    cleanup.add(() => db.close());
    const session = new ContextKeeper(db.bucket(BUCKET, { codec: bytes }), dw);
    return {
      name: 'ringfort',
      description: `Ringfort, ${nodes} nodes, N=3 R=W=2, ${durability === 'fsync' ? 'fsync' : 'fsync every 100 ms'}, puts on ${dw} disks when answered, one nats-server`,
      pids: [nats.pid, ...running.pids],
      freshReads: true,
      read: (key) => session.read(key),
      write: (key, value) => session.write(key, value),
      stop: () => cleanup.run(),
    };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

/**
 * Writes as an application does that keeps the context of each key it works on: over what it has seen. When a put tells of a concurrent
 * one, the key is read again before it is next written, so that its siblings do not pile up.
 */
class ContextKeeper {
  readonly #bucket: Bucket<Uint8Array>;
  readonly #dw: number;
  readonly #seen = new Map<string, { context: Context | undefined; toRead: boolean }>();

  constructor(bucket: Bucket<Uint8Array>, dw: number) {
    this.#bucket = bucket;
    this.#dw = dw;
  }

  async read(key: string): Promise<readonly Uint8Array[]> {
    const { siblings, context } = await this.#bucket.get(key);
    const seen = this.#of(key);
    if (context !== undefined) seen.context = context;
    seen.toRead = false;
    return siblings;
  }

  async write(key: string, value: Uint8Array): Promise<void> {
    const seen = this.#of(key);
    if (seen.toRead) await this.read(key);
    const { context, siblings } = await this.#bucket.put(key, value, { context: seen.context, dw: this.#dw });
    seen.context = context;
    if (siblings > 1) seen.toRead = true;
  }

  #of(key: string) {
    let seen = this.#seen.get(key);
    if (seen === undefined) {
      seen = { context: undefined, toRead: false };
      this.#seen.set(key, seen);
    }
    return seen;
  }
}
