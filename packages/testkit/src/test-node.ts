import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Exit, freePorts, logTail, type OwnedProcess, ownProcess } from '@ringfort/nats-server';
import { BinaryMissingError, TestNodeExitedError, TestNodeNotReadyError } from './errors.ts';

export interface TestNodeOptions {
  readonly id: string;
  /** URLs of NATS servers. */
  readonly nats: string | readonly string[];
  /** Ids of the nodes to ask first; the node alone by default. */
  readonly seeds?: readonly string[];
  /** The built `ringfort` binary; the workspace's own by default. */
  readonly binary?: string;
  /** The store's folder; a temporary one, removed by `stop`, by default. */
  readonly dataDir?: string;
  /** A free port of 127.0.0.1 by default; a restart keeps it. */
  readonly httpPort?: number;
  readonly cluster?: string;
  readonly zone?: string;
  readonly weight?: number;
  readonly durability?: 'fsync' | 'interval';
  /** More flags for the binary, after the others. */
  readonly flags?: readonly string[];
  /** Flags for node itself: `--cpu-prof`. */
  readonly nodeFlags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A real `ringfort` node in its own process. */
export interface TestNode {
  readonly id: string;
  /** `http://127.0.0.1:41234` */
  readonly url: string;
  readonly dataDir: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** The node's end, for whatever reason; after `restart`, that of the new process. */
  readonly exited: Promise<Exit>;
  readonly running: boolean;
  /** SIGKILL, SIGSTOP, SIGCONT, SIGTERM, ... False when it has already ended. */
  kill(signal: NodeJS.Signals): boolean;
  /** Ends the process when it still runs (SIGKILL), starts it again with the same data and port, and waits until it is ready. */
  restart(timeoutMs?: number): Promise<void>;
  /** Starts it again without waiting for readiness. */
  start(): Promise<void>;
  /** Resolves when `GET /readyz` answers 200. @throws `TEST_NODE_EXITED`, `TEST_NODE_NOT_READY`, each with the node's last log lines */
  waitReady(timeoutMs?: number): Promise<void>;
  /** The end of its log. */
  logTail(maxBytes?: number): string;
  /** Ends it gracefully (SIGTERM, SIGKILL after 6 s), removes its temporary files, and tells how it ended. Idempotent. */
  stop(): Promise<Exit>;
}

const READY_TIMEOUT_MS = 20_000;
const FIRST_POLL_MS = 20;
const MAX_POLL_MS = 250;
const PROBE_TIMEOUT_MS = 1_000;
const STOP_GRACE_MS = 6_000;

/** Where the workspace builds the `ringfort` binary. */
export const workspaceBinary = fileURLToPath(new URL('../../../apps/node/dist/main.js', import.meta.url));

/**
 * Starts one node; it is running, not yet ready, when the promise resolves (see {@link TestNode.waitReady}). It never outlives this process.
 *
 * @throws `TEST_BINARY_MISSING`
 */
export async function startTestNode(options: TestNodeOptions): Promise<TestNode> {
  const binary = options.binary ?? workspaceBinary;
  if (!existsSync(binary)) throw new BinaryMissingError(binary);
  const runDir = await mkdtemp(join(tmpdir(), `ringfort-${options.id}-`));
  const dataDir = options.dataDir ?? join(runDir, 'data');
  await mkdir(dataDir, { recursive: true });
  const port = options.httpPort ?? (await freePorts(1))[0]!;
  const node = new RealNode({ ...options, binary, dataDir }, runDir, port);
  try {
    await node.start();
  } catch (error) {
    await rm(runDir, { recursive: true, force: true });
    throw error;
  }
  return node;
}

class RealNode implements TestNode {
  readonly id: string;
  readonly url: string;
  readonly dataDir: string;
  readonly #options: TestNodeOptions & { binary: string };
  readonly #runDir: string;
  readonly #port: number;
  readonly #logFile: string;
  #process!: OwnedProcess;
  #stopping: Promise<Exit> | undefined;

  constructor(options: TestNodeOptions & { binary: string; dataDir: string }, runDir: string, port: number) {
    this.id = options.id;
    this.url = `http://127.0.0.1:${port}`;
    this.dataDir = options.dataDir;
    this.#options = options;
    this.#runDir = runDir;
    this.#port = port;
    this.#logFile = join(runDir, 'node.log');
  }

  get pid(): number {
    return this.#process.pid;
  }

  get exited(): Promise<Exit> {
    return this.#process.exited;
  }

  get running(): boolean {
    return this.#process.exit === undefined;
  }

  kill(signal: NodeJS.Signals): boolean {
    return this.#process.kill(signal);
  }

  async start(): Promise<void> {
    this.#process = await ownProcess(process.execPath, {
      args: [...(this.#options.nodeFlags ?? []), this.#options.binary, ...this.#flags()],
      env: this.#options.env ?? nodeEnvironment(),
      logFile: this.#logFile,
      removeAtExit: [this.#runDir],
    });
  }

  async restart(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    this.kill('SIGKILL');
    await this.exited;
    await this.start();
    await this.waitReady(timeoutMs);
  }

  async waitReady(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    const late = AbortSignal.timeout(timeoutMs);
    let pollMs = FIRST_POLL_MS;
    for (;;) {
      const exit = this.#process.exit;
      if (exit !== undefined) throw new TestNodeExitedError(this.id, exit, this.logTail());
      const state = await probe(`${this.url}/readyz`);
      if (state === 'ready') return;
      if (late.aborted) throw new TestNodeNotReadyError(this.id, timeoutMs, state, this.logTail());
      await Promise.race([sleep(pollMs), this.exited]);
      pollMs = Math.min(pollMs * 2, MAX_POLL_MS);
    }
  }

  logTail(maxBytes?: number): string {
    return logTail(this.#logFile, maxBytes);
  }

  stop(): Promise<Exit> {
    this.#stopping ??= this.#process.stop(STOP_GRACE_MS).then(async (exit) => {
      await rm(this.#runDir, { recursive: true, force: true });
      return exit;
    });
    return this.#stopping;
  }

  #flags(): string[] {
    const { id, nats, seeds = [id], cluster, zone, weight, durability, flags = [] } = this.#options;
    const optional = Object.entries({ cluster, zone, weight, durability }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, String(value)],
    );
    const servers = typeof nats === 'string' ? nats : nats.join(',');
    const required = ['--id', id, '--nats', servers, '--seeds', seeds.join(','), '--data', this.dataDir];
    return ['node', ...required, '--http', `127.0.0.1:${this.#port}`, ...optional, ...flags];
  }
}

/** This process' environment without what a test runner put there for its own workers. */
function nodeEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !/^(NODE_OPTIONS|NODE_ENV|VITEST|TEST$)/.test(name));
  return Object.fromEntries(entries);
}

/** `ready`, or why not. */
async function probe(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    const text = await response.text();
    return response.ok ? 'ready' : `HTTP ${response.status} ${text.slice(0, 200)}`;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return cause instanceof Error ? cause.message : String(cause);
  }
}
