import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bucket, bytes, type Context, connect } from '@ringfort/client';
import {
  findNatsServer,
  freePorts,
  logTail,
  type OwnedProcess,
  ownProcess,
  startNatsServer,
} from '@ringfort/nats-server';
import { TargetMissingError, TargetStartError } from '../errors.ts';
import { Cleanup, type Target, type TargetOptions } from '../target.ts';

const HOST = '127.0.0.1';
const CLUSTER = 'bench';
const BUCKET = 'bench';
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const STOP_GRACE_MS = 10_000;

interface Member {
  readonly id: string;
  readonly http: string;
  readonly dataDir: string;
  readonly logFile: string;
}

/** Ringfort: nodes in their own processes over one nats-server, N=3 R=W=2, one client. */
export async function startRingfort({ nodes, durability, dw, dir, nodeFlags }: TargetOptions): Promise<Target> {
  if ((await findNatsServer()) === undefined) throw new TargetMissingError('ringfort', 'nats-server is not installed');
  const binary = ringfortBinary();
  const cleanup = new Cleanup();
  try {
    await mkdir(dir, { recursive: true });
    cleanup.add(() => rm(dir, { recursive: true, force: true }));
    const nats = await startNatsServer();
    cleanup.add(() => nats.stop());
    const members = membersOf(await freePorts(nodes), dir);
    const processes: OwnedProcess[] = [];
    cleanup.add(() => Promise.all(processes.map((process) => process.stop(STOP_GRACE_MS))));
    for (const member of members) {
      const args = [...nodeFlags, binary, ...flagsOf(member, members, nats.url, durability)];
      processes.push(await ownProcess(process.execPath, { args, logFile: member.logFile }));
    }
    await Promise.all(members.map((member, index) => awaitReady(member, processes[index]!)));
    const db = await connect({ servers: nats.url, cluster: CLUSTER });
    cleanup.add(() => db.close());
    const session = new ContextKeeper(db.bucket(BUCKET, { codec: bytes }), dw);
    return {
      name: 'ringfort',
      description: `Ringfort, ${nodes} nodes, N=3 R=W=2, ${durability === 'fsync' ? 'fsync' : 'fsync every 100 ms'}, puts on ${dw} disks when answered, one nats-server`,
      pids: [nats.pid, ...processes.map((process) => process.pid)],
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

/** The built `ringfort` binary of the workspace's @ringfort/node. */
function ringfortBinary(): string {
  const manifest = createRequire(import.meta.url).resolve('@ringfort/node/package.json');
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { ringfort: string } };
  const binary = join(dirname(manifest), bin.ringfort);
  if (!existsSync(binary)) throw new TargetMissingError('ringfort', `${binary} is not built (npm run build)`);
  return binary;
}

function membersOf(ports: readonly number[], dir: string): Member[] {
  return ports.map((port, index) => ({
    id: `n${index + 1}`,
    http: `${HOST}:${port}`,
    dataDir: join(dir, `n${index + 1}`),
    logFile: join(dir, `n${index + 1}.log`),
  }));
}

function flagsOf(member: Member, all: readonly Member[], nats: string, durability: string): string[] {
  const seeds = all.map((other) => other.id).join(',');
  const required = [
    '--id',
    member.id,
    '--nats',
    nats,
    '--seeds',
    seeds,
    '--data',
    member.dataDir,
    '--http',
    member.http,
  ];
  return ['node', ...required, '--cluster', CLUSTER, '--durability', durability];
}

async function awaitReady(member: Member, owned: OwnedProcess): Promise<void> {
  const late = AbortSignal.timeout(START_TIMEOUT_MS);
  for (;;) {
    const ready = await fetch(`http://${member.http}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    if (owned.exit !== undefined || late.aborted) {
      throw new TargetStartError('ringfort', `node ${member.id}:\n${logTail(member.logFile, 2_000).trim()}`);
    }
    await sleep(POLL_MS);
  }
}
