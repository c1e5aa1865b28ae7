import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, logTail, type OwnedProcess, ownProcess } from '@ringfort/nats-server';
import { TargetMissingError, TargetStartError } from '../errors.ts';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const STOP_GRACE_MS = 10_000;

/** The cluster that nodes of the bench form. */
export const CLUSTER = 'bench';

export interface NodesOptions {
  readonly nodes: number;
  /** Each node's files go to a folder below. */
  readonly dir: string;
  readonly natsUrl: string;
  /** Flags of `ringfort node` beyond those that make it a member. */
  readonly flags: readonly string[];
  /** Flags for node itself. */
  readonly nodeFlags?: readonly string[];
}

/** Nodes in their own processes, all of them ready. */
export interface RunningNodes {
  readonly pids: readonly number[];
  /** `http://127.0.0.1:41234`, one each. */
  readonly urls: readonly string[];
  /** From the start of its process until a node was ready. */
  readonly readyMs: readonly number[];
  /** Ends them in order. Idempotent. */
  stop(): Promise<void>;
}

interface Member {
  readonly id: string;
  readonly http: string;
  readonly logFile: string;
}

/** Where a node of the bench keeps its store. */
export function dataDirOf(dir: string, index: number): string {
  return join(dir, `n${index + 1}`);
}

/**
 * Starts the nodes at once, over what their folders hold.
 * @throws TargetMissingError, TargetStartError: then none is left
 */
export async function startNodes(options: NodesOptions): Promise<RunningNodes> {
  const { dir, natsUrl, flags, nodeFlags = [] } = options;
  const binary = ringfortBinary();
  const members = membersOf(await freePorts(options.nodes), dir);
  const seeds = members.map(({ id }) => id).join(',');
  const processes: OwnedProcess[] = [];
  const stop = async () => {
    await Promise.all(processes.map((process) => process.stop(STOP_GRACE_MS)));
  };
  try {
    const readyMs = await Promise.all(
      members.map(async ({ id, http, logFile }, index) => {
        const place = ['--id', id, '--nats', natsUrl, '--seeds', seeds, '--data', dataDirOf(dir, index)];
        const args = [...nodeFlags, binary, 'node', ...place, '--http', http, '--cluster', CLUSTER, ...flags];
        const startMs = performance.now();
        const owned = await ownProcess(process.execPath, { args, logFile });
        processes.push(owned);
        await awaitReady({ id, http, logFile }, owned);
        return performance.now() - startMs;
      }),
    );
    const urls = members.map(({ http }) => `http://${http}`);
    return { pids: processes.map(({ pid }) => pid), urls, readyMs, stop };
  } catch (error) {
    await stop();
    throw error;
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
    logFile: join(dir, `n${index + 1}.log`),
  }));
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
