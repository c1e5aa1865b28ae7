import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  InvalidNatsOptionError,
  NatsPortTakenError,
  NatsServerRefusedError,
  NatsServerSpawnError,
  NatsStartTimeoutError,
} from './errors.ts';
import { requireNatsServer } from './find.ts';
import { lastTellingLine, parseInfo, parsePortsFile, tellsPortTaken } from './log-core.ts';
import { type Exit, logTail, type OwnedProcess, ownProcess } from './owned-process.ts';

export interface NatsServerOptions {
  /** Client port; 0 (default) takes a free one. Give a stopped server's port to start it again at the same place. */
  readonly port?: number;
  /** Address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** The text of a nats-server configuration file; `port`, `host` and the options below override what it says. */
  readonly config?: string;
  /** The path of a configuration file, instead of `config`. */
  readonly configFile?: string;
  /** Turns JetStream on. Its files go to `storeDir`, else to a folder that is removed at the end. */
  readonly jetstream?: boolean;
  readonly storeDir?: string;
  readonly serverName?: string;
  /** With it the server is part of a NATS cluster, and listens for routes. */
  readonly clusterName?: string;
  /** Route port; 0 (default) takes a free one. */
  readonly clusterPort?: number;
  /** Route URLs of other servers: `nats://127.0.0.1:6222`. */
  readonly routes?: readonly string[];
  /** `host:port` that other servers are told to reach its routes at; its own address by default. */
  readonly clusterAdvertise?: string;
  /** Clients are told of no other server of the NATS cluster: one that loses this server waits for it. */
  readonly noAdvertise?: boolean;
  /** Serves nats-server's monitoring HTTP interface on a free port. */
  readonly monitoring?: boolean;
  /** Where its log is appended; by default a file that is removed at the end. */
  readonly logFile?: string;
  /** Path of the executable; found by `findNatsServer` by default. */
  readonly executable?: string;
  /** 10 s by default. */
  readonly startTimeoutMs?: number;
}

export interface NatsServer {
  /** `nats://127.0.0.1:41234` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** The route port, with `clusterName`. */
  readonly clusterPort: number | undefined;
  /** `http://127.0.0.1:8222`, with `monitoring`. */
  readonly monitoringUrl: string | undefined;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<Exit>;
  readonly running: boolean;
  /** Sends a signal (SIGKILL, SIGSTOP, SIGCONT, ...) to this server. False when it has already ended. */
  kill(signal: NodeJS.Signals): boolean;
  /** Ends it (SIGTERM, SIGKILL after 5 s) and removes its temporary files. Idempotent. */
  stop(): Promise<void>;
  /** The last lines of its log. */
  logTail(): string;
}

/**
 * These servers share one machine with their clients. Unless the environment says otherwise each gets one processor: waking threads on others for
 * every message costs more CPU than the messages themselves.
 */
const oneProcessor = { GOMAXPROCS: '1' };
const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_START_TIMEOUT_MS = 10_000;
const POLL_MS = 5;

/**
 * Starts one nats-server and resolves when it greets a client. It never outlives this process.
 *
 * @throws `NATS_SERVER_MISSING`, `NATS_SERVER_NOT_EXECUTABLE`, `NATS_OPTION_INVALID`, `NATS_PORT_TAKEN`, `NATS_SERVER_REFUSED`
 * (with nats-server's own last line), `NATS_START_TIMEOUT`.
 */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  checkOptions(options);
  const executable = options.executable ?? (await requireNatsServer());
  const runDir = await mkdtemp(join(tmpdir(), 'ringfort-nats-'));
  const logFile = options.logFile ?? join(runDir, 'nats-server.log');
  let owned: OwnedProcess | undefined;
  try {
    owned = await ownProcess(executable, {
      args: await argumentsOf(options, runDir),
      env: { ...oneProcessor, ...process.env },
      logFile,
      removeAtExit: [runDir],
    }).catch((cause: unknown) => {
      throw new NatsServerSpawnError(executable, cause);
    });
    const ports = await awaitReady(owned, options, runDir, logFile);
    return serverOf(owned, ports, options.host ?? DEFAULT_HOST, runDir, logFile);
  } catch (error) {
    await owned?.stop(0);
    await rm(runDir, { recursive: true, force: true });
    throw error;
  }
}

interface Ports {
  readonly client: number;
  readonly cluster: number | undefined;
  readonly monitoringUrl: string | undefined;
}

function serverOf(owned: OwnedProcess, ports: Ports, host: string, runDir: string, logFile: string): NatsServer {
  const reachable = reachableHost(host);
  let stopping: Promise<void> | undefined;
  return {
    url: `nats://${reachable}:${ports.client}`,
    host: reachable,
    port: ports.client,
    pid: owned.pid,
    clusterPort: ports.cluster,
    monitoringUrl: ports.monitoringUrl,
    exited: owned.exited,
    get running() {
      return owned.exit === undefined;
    },
    kill: (signal) => owned.kill(signal),
    stop: () => {
      stopping ??= owned.stop().then(() => rm(runDir, { recursive: true, force: true }));
      return stopping;
    },
    logTail: () => logTail(logFile),
  };
}

async function argumentsOf(options: NatsServerOptions, runDir: string): Promise<string[]> {
  const host = options.host ?? DEFAULT_HOST;
  const args = ['-a', host, '-p', portFlag(options.port), '--ports_file_dir', runDir];
  if (options.monitoring) args.push('-m', '-1');
  if (options.serverName !== undefined) args.push('--server_name', options.serverName);
  if (options.config !== undefined) {
    const file = join(runDir, 'nats-server.conf');
    await writeFile(file, options.config, { mode: 0o600 });
    args.push('-c', file);
  } else if (options.configFile !== undefined) {
    args.push('-c', options.configFile);
  }
  if (options.jetstream || options.storeDir !== undefined) {
    const storeDir = options.storeDir ?? join(runDir, 'jetstream');
    args.push('-js', '-sd', storeDir);
  }
  if (options.clusterName !== undefined) {
    args.push('--cluster_name', options.clusterName, '--cluster', `nats://${host}:${portFlag(options.clusterPort)}`);
    if (options.routes !== undefined && options.routes.length > 0) args.push('--routes', options.routes.join(','));
    if (options.clusterAdvertise !== undefined) args.push('--cluster_advertise', options.clusterAdvertise);
    if (options.noAdvertise) args.push('--no_advertise');
  }
  return args;
}

async function awaitReady(
  owned: OwnedProcess,
  options: NatsServerOptions,
  runDir: string,
  logFile: string,
): Promise<Ports> {
  const timeoutMs = options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS;
  const late = AbortSignal.timeout(timeoutMs);
  const host = reachableHost(options.host ?? DEFAULT_HOST);
  for (;;) {
    if (owned.exit !== undefined) throw refusal(owned.exit, logFile, options.port ?? 0);
    const ports = await readPorts(runDir);
    if (ports !== undefined && (await greeting(host, ports.client)) !== undefined) return ports;
    if (late.aborted) {
      throw new NatsStartTimeoutError('nats-server', timeoutMs, lastTellingLine(logTail(logFile)));
    }
    await sleep(POLL_MS);
  }
}

async function readPorts(runDir: string): Promise<Ports | undefined> {
  const file = (await readdir(runDir)).find((name) => name.endsWith('.ports'));
  if (file === undefined) return undefined;
  const urls = parsePortsFile(await readFile(join(runDir, file), 'utf8'));
  const client = urls?.nats[0];
  if (urls === undefined || client === undefined) return undefined;
  const cluster = urls.cluster[0];
  return {
    client: Number(new URL(client).port),
    cluster: cluster === undefined ? undefined : Number(new URL(cluster).port),
    monitoringUrl: urls.monitoring[0],
  };
}

/** Connects, and resolves with the server's INFO; undefined when it does not answer within a second. */
export function greeting(host: string, port: number): Promise<ReturnType<typeof parseInfo>> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    let text = '';
    const end = (info: ReturnType<typeof parseInfo>) => {
      socket.destroy();
      resolve(info);
    };
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      const info = parseInfo(text);
      if (info !== undefined) end(info);
    });
    socket.once('timeout', () => end(undefined));
    socket.once('error', () => end(undefined));
    socket.once('close', () => end(undefined));
  });
}

function refusal(exit: Exit, logFile: string, port: number): Error {
  const line = lastTellingLine(logTail(logFile));
  return tellsPortTaken(line) ? new NatsPortTakenError(line, port) : new NatsServerRefusedError(line, exit);
}

function checkOptions(options: NatsServerOptions): void {
  for (const option of ['port', 'clusterPort'] as const) {
    const port = options[option];
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
      throw new InvalidNatsOptionError(option, `a whole number from 0 to 65535 is needed, not ${port}`);
    }
  }
  if (options.config !== undefined && options.configFile !== undefined) {
    throw new InvalidNatsOptionError('config', 'give config (text) or configFile (path), not both');
  }
}

function portFlag(port: number | undefined): string {
  return port === undefined || port === 0 ? '-1' : String(port);
}

function reachableHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? DEFAULT_HOST : host;
}
