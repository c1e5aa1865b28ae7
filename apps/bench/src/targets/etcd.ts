import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, logTail, type OwnedProcess, ownProcess } from '@ringfort/nats-server';
import { Etcd3 } from 'etcd3';
import { TargetMissingError, TargetStartError } from '../errors.ts';
import { Cleanup, type Target, type TargetOptions } from '../target.ts';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 100;

interface Member {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dataDir: string;
  readonly logFile: string;
}

/** etcd: one Raft group over all servers; every put fsynced, every get linearizable, as its defaults are. */
export async function startEtcd({ nodes, dir }: TargetOptions): Promise<Target> {
  const executable = await findEtcd();
  if (executable === undefined) throw new TargetMissingError('etcd', 'it is not installed (PATH, or RINGFORT_ETCD)');
  const cleanup = new Cleanup();
  try {
    await mkdir(dir, { recursive: true });
    cleanup.add(() => rm(dir, { recursive: true, force: true }));
    const members = membersOf(await freePorts(2 * nodes), dir);
    const processes = await Promise.all(members.map((member) => startMember(executable, member, members)));
    cleanup.add(() => Promise.all(processes.map((process) => process.stop())));
    await Promise.all(members.map((member, index) => awaitHealthy(member, processes[index]!)));
    const client = new Etcd3({ hosts: members.map((member) => member.clientUrl) });
    cleanup.add(() => client.close());
    return {
      name: 'etcd',
      description: `etcd ${versionOf(executable)}, ${nodes} servers, fsync, linearizable gets`,
      pids: processes.map((process) => process.pid),
      freshReads: true,
      read: async (key) => {
        const value = await client.get(key).buffer();
        return value === null ? [] : [value];
      },
      write: async (key, value) => {
        await client.put(key).value(value as Buffer);
      },
      stop: () => cleanup.run(),
    };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

/** `RINGFORT_ETCD`, else the first `etcd` in PATH. */
export async function findEtcd(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const chosen = env.RINGFORT_ETCD;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const path of chosen ? [chosen] : folders.map((folder) => join(folder, 'etcd'))) {
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return undefined;
}

function membersOf(ports: readonly number[], dir: string): Member[] {
  return Array.from({ length: ports.length / 2 }, (_, index) => ({
    name: `etcd-${index + 1}`,
    clientUrl: `http://${HOST}:${ports[2 * index]}`,
    peerUrl: `http://${HOST}:${ports[2 * index + 1]}`,
    dataDir: join(dir, `etcd-${index + 1}`),
    logFile: join(dir, `etcd-${index + 1}.log`),
  }));
}

function startMember(executable: string, member: Member, all: readonly Member[]): Promise<OwnedProcess> {
  const flags = {
    name: member.name,
    'data-dir': member.dataDir,
    'listen-client-urls': member.clientUrl,
    'advertise-client-urls': member.clientUrl,
    'listen-peer-urls': member.peerUrl,
    'initial-advertise-peer-urls': member.peerUrl,
    'initial-cluster': all.map((other) => `${other.name}=${other.peerUrl}`).join(','),
    'initial-cluster-token': 'ringfort-bench',
    'initial-cluster-state': 'new',
    'log-level': 'error',
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return ownProcess(executable, { args, logFile: member.logFile });
}

async function awaitHealthy(member: Member, owned: OwnedProcess): Promise<void> {
  const late = AbortSignal.timeout(START_TIMEOUT_MS);
  for (;;) {
    const healthy = await fetch(`${member.clientUrl}/health`, { signal: AbortSignal.timeout(1_000) }).then(
      (response) => response.ok,
      () => false,
    );
    if (healthy) return;
    if (owned.exit !== undefined || late.aborted)
      throw new TargetStartError('etcd', logTail(member.logFile, 500).trim());
    await sleep(POLL_MS);
  }
}

function versionOf(executable: string): string {
  const text = execFileSync(executable, ['--version'], { encoding: 'utf8' });
  return /etcd Version: (\S+)/.exec(text)?.[1] ?? '(unknown version)';
}
