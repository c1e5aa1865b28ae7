import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidNatsOptionError, NatsPortTakenError, NatsStartTimeoutError } from './errors.ts';
import { freePorts } from './free-ports.ts';
import { greeting, type NatsServer, type NatsServerOptions, startNatsServer } from './server.ts';

export type NatsClusterOptions = Omit<
  NatsServerOptions,
  'port' | 'clusterPort' | 'routes' | 'clusterAdvertise' | 'serverName' | 'storeDir' | 'logFile' | 'configFile'
> & {
  /** Leads the routes through something between the servers; they then know no other way to each other. */
  readonly routesThrough?: RoutesThrough;
  /** With JetStream: one folder per server. */
  readonly storeDirs?: readonly string[];
};

/** What stands between the servers of a NATS cluster: a proxy that can cut or slow down its routes. */
export interface RoutesThrough {
  /** `host:port` at which server `from` reaches server `to` (`from` < `to`: one connection carries both directions), which listens at `port`. */
  addressOf(from: number, to: number, port: number): Promise<string>;
  /** `host:port` where no server is. Servers tell each other where they are, and would find a direct way: they are told this one. */
  readonly nowhere: string;
}

export interface NatsCluster {
  /** The servers in order; `restart` replaces an entry. */
  readonly servers: readonly NatsServer[];
  readonly urls: readonly string[];
  /** Ends server `index` when it still runs, and starts it again on the same ports; resolves when its routes are up. */
  restart(index: number): Promise<NatsServer>;
  /** Resolves when every running server knows every other one (and, with JetStream, its meta leader). */
  ready(): Promise<void>;
  /** Ends all servers. Idempotent. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const MAX_SERVERS = 16;
const PORT_TRIES = 3;
const READY_TIMEOUT_MS = 20_000;
const POLL_MS = 20;

/**
 * Starts `count` nats-servers that are routed to each other, all on free ports; resolves when all routes are up and, with
 * `jetstream`, when the cluster has a JetStream leader.
 *
 * @throws as {@link startNatsServer}; then none of the servers is left running.
 */
export async function startNatsCluster(count: number, options: NatsClusterOptions = {}): Promise<NatsCluster> {
  if (!(Number.isInteger(count) && count >= 1 && count <= MAX_SERVERS)) {
    throw new InvalidNatsOptionError('count', `a whole number from 1 to ${MAX_SERVERS} is needed, not ${count}`);
  }
  if (options.storeDirs !== undefined && options.storeDirs.length !== count) {
    throw new InvalidNatsOptionError('storeDirs', `one folder for each of the ${count} servers is needed`);
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(count, options);
    } catch (error) {
      // Route ports are chosen before the servers bind them (JetStream wants its routes configured): another process may be faster.
      if (!(error instanceof NatsPortTakenError) || attempt === PORT_TRIES) throw error;
    }
  }
}

async function startOnce(count: number, options: NatsClusterOptions): Promise<NatsCluster> {
  const { storeDirs, clusterName = 'ringfort', routesThrough, ...common } = options;
  const clusterPorts = await freePorts(count);
  const routes = await routesOf(clusterPorts, routesThrough);
  const start = (index: number, port: number): Promise<NatsServer> => {
    const storeDir = storeDirs?.[index];
    return startNatsServer({
      ...common,
      monitoring: true,
      clusterName,
      serverName: `${clusterName}-${index + 1}`,
      port,
      clusterPort: clusterPorts[index]!,
      routes: routes[index]!,
      ...(routesThrough === undefined ? {} : { clusterAdvertise: routesThrough.nowhere }),
      ...(storeDir === undefined ? {} : { storeDir }),
    });
  };
  const outcomes = await Promise.allSettled(clusterPorts.map((_, index) => start(index, 0)));
  const servers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  const ready = (): Promise<void> => routesUp(servers, common);
  try {
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await ready();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    servers,
    get urls() {
      return servers.map((server) => server.url);
    },
    ready,
    stop,
    restart: async (index) => {
      const old = servers[index];
      if (old === undefined) throw new InvalidNatsOptionError('index', `there is no server ${index}`);
      await old.stop();
      const fresh = await start(index, old.port);
      servers[index] = fresh;
      await ready();
      return fresh;
    },
  };
}

/** The route URLs of each server. */
async function routesOf(ports: readonly number[], through: RoutesThrough | undefined): Promise<string[][]> {
  const routes: string[][] = ports.map(() => []);
  for (const from of ports.keys()) {
    for (const [to, port] of ports.entries()) {
      if (to === from || (through !== undefined && to < from)) continue;
      routes[from]!.push(`nats://${(await through?.addressOf(from, to, port)) ?? `${HOST}:${port}`}`);
    }
  }
  return routes;
}

type Knows = Pick<NatsClusterOptions, 'jetstream' | 'noAdvertise'>;

async function routesUp(servers: readonly NatsServer[], knows: Knows): Promise<void> {
  const late = AbortSignal.timeout(READY_TIMEOUT_MS);
  for (;;) {
    const running = servers.filter((server) => server.running);
    const states = await Promise.all(running.map((server) => sees(server, running.length, knows)));
    if (states.every(Boolean)) return;
    if (late.aborted) {
      const waiting = running.filter((_, index) => !states[index]).map((server) => server.url);
      throw new NatsStartTimeoutError(`the NATS cluster (${waiting.join(', ')})`, READY_TIMEOUT_MS, '');
    }
    await sleep(POLL_MS);
  }
}

/** Whether a server has a route to each other one of `count`, tells its clients of all, and is healthy, JetStream included. */
async function sees(server: NatsServer, count: number, { jetstream, noAdvertise }: Knows): Promise<boolean> {
  const told = (await monitored(server, '/routez')) as { routes?: { remote_id: string }[] } | undefined;
  if (told === undefined || new Set(told.routes?.map(({ remote_id }) => remote_id)).size < count - 1) return false;
  const info = await greeting(server.host, server.port);
  if (count > 1 && !noAdvertise && new Set(info?.connectUrls).size < count) return false;
  return !jetstream || (await monitored(server, '/healthz')) !== undefined;
}

/** What the monitoring interface tells; undefined when it does not answer well. */
function monitored(server: NatsServer, path: string): Promise<unknown> {
  return fetch(`${server.monitoringUrl}${path}`).then(
    async (response) => {
      const told: unknown = await response.json();
      return response.ok ? told : undefined;
    },
    () => undefined,
  );
}
