import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MemoryNetwork, memoryNetwork } from '@ringfort/bus';
import { untilMember } from '@ringfort/membership';
import { digestOf } from '@ringfort/storage';
import { loadConfig } from '../../../apps/node/src/config-sources.ts';
import type { HttpHost } from '../../../apps/node/src/http/host.ts';
import { createHttpServer } from '../../../apps/node/src/http/server.ts';
import { createMetrics } from '../../../apps/node/src/metrics.ts';
import { openNodeCopy } from '../../../apps/node/src/node-copy.ts';
import { type NodeDeps, type RunningNode, startNode } from '../../../apps/node/src/start-node.ts';
import { seededRandom } from '../src/index.ts';
import type { Problem } from './edge.ts';
import { guardedBucket, guardedKeys } from './samples.ts';

const ids = ['n1', 'n2', 'n3'];
const READY_MS = 20_000;
const QUIET_MS = 10_000;
const POLL_MS = 2;
const MAX_LOGGED = 20;

/** What the nodes log of failures that no error of theirs names. */
class FaultLog {
  readonly lines: string[] = [];

  /** As much of a logger as nodes use. */
  get logger(): NonNullable<NodeDeps['log']> {
    const quiet = () => undefined;
    const error = (details: unknown, message: string) => this.#add(details, message);
    const warn = (details: unknown, message: string) => {
      const { err } = details as { err?: { code?: unknown } };
      if (err !== undefined && typeof err.code !== 'string') this.#add(details, message);
    };
    return { trace: quiet, debug: quiet, info: quiet, warn, error, fatal: error } as unknown as NonNullable<
      NodeDeps['log']
    >;
  }

  #add(details: unknown, message: string): void {
    const { err, where } = details as { err?: Error; where?: string };
    if (this.lines.length < MAX_LOGGED)
      this.lines.push(`logged: ${message} ${where ?? ''} ${err?.stack ?? JSON.stringify(details)}`);
  }
}

/** Three whole nodes in this process, as `ringfort node` assembles them, with a store on disk each, on a network in memory. */
export class FuzzCluster {
  readonly network: MemoryNetwork;
  readonly nodes: readonly RunningNode[];
  readonly #directory: string;
  readonly #faults: FaultLog;
  readonly #unhandled: unknown[] = [];
  readonly #digests = new Map<string, string>();
  readonly #history: string;
  readonly #onUnhandled = (reason: unknown) => void this.#unhandled.push(reason);

  private constructor(network: MemoryNetwork, nodes: readonly RunningNode[], directory: string, faults: FaultLog) {
    this.network = network;
    this.nodes = nodes;
    this.#directory = directory;
    this.#faults = faults;
    this.#history = this.#historyNow();
    process.on('unhandledRejection', this.#onUnhandled);
    process.on('uncaughtException', this.#onUnhandled);
  }

  static async start(): Promise<FuzzCluster> {
    const network = memoryNetwork();
    const directory = mkdtempSync(join(tmpdir(), 'ringfort-fuzz-'));
    const faults = new FaultLog();
    const nodes = await Promise.all(
      ids.map((id) => {
        const data = join(directory, id);
        const flags = {
          id,
          data,
          nats: 'embedded',
          seeds: ids.join(','),
          http: 'off',
          partitions: '64',
          durability: 'interval',
        };
        return startNode(loadConfig({ flags }), { network, log: faults.logger, processMetrics: false });
      }),
    );
    await Promise.all(nodes.map(({ membership }) => untilMember(membership, READY_MS)));
    const cluster = new FuzzCluster(network, nodes, directory, faults);
    await cluster.#guard();
    return cluster;
  }

  /** The HTTP interface of the first node, not listening. */
  http() {
    const [node] = this.nodes;
    const { limits, timeoutMs } = loadConfig({ flags: { id: 'n1' } });
    const host: HttpHost = {
      nodeId: 'n1',
      cluster: 'ringfort',
      limits,
      timeoutMs,
      tokens: [],
      metrics: createMetrics('n1', { defaultMetrics: false }),
      random: seededRandom(1),
      log: this.#faults.logger,
      coordinator: () => node!.coordinator,
      membership: () => node!.membership,
      scrub: async (_verb, node) => ({ node, state: 'resting', waiting: 0, lost: 0 }),
      openCopy: (of) => openNodeCopy(node!.bus, of),
      unreadyReason: () => undefined,
      condition: () => ({ bus: node!.bus.status, storage: 'serving' }),
    };
    return createHttpServer(host);
  }

  /** What should be as before and is not. */
  async changes(): Promise<Problem[]> {
    const found = this.#faults.lines
      .splice(0)
      .concat(this.#unhandled.splice(0).map((reason) => `unhandled: ${String((reason as Error)?.stack ?? reason)}`));
    for (const [key, digest] of this.#digests)
      for (const [place, now] of this.#holds(guardedBucket, key).entries())
        if (now !== digest) found.push(`${key} is another one at ${ids[place]}: ${now}, not ${digest}`);
    if (this.#historyNow() !== this.#history) found.push(`the membership is another one: ${this.#historyNow()}`);
    for (const node of this.nodes) {
      if (node.membership.state !== 'member') found.push(`${node.id} is ${node.membership.state}`);
      for (const peer of ids) if (!(await this.#sees(node, peer))) found.push(`${node.id} takes ${peer} for down`);
    }
    return found.map((what) => ({ index: undefined, what }));
  }

  /** A peer may be slow to answer while this process is busy with the inputs; then it is soon taken for up again. */
  async #sees({ membership }: RunningNode, peer: string): Promise<boolean> {
    const lateMs = performance.now() + QUIET_MS;
    while (!membership.isUp(peer) && performance.now() < lateMs)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    return membership.isUp(peer);
  }

  /** Digests of a key at each node; `nothing` where there is none. */
  #holds(bucket: string, key: string): string[] {
    const { partitions } = this.nodes[0]!.membership.ring;
    return this.nodes.map(({ store }) => {
      for (let partition = 0; partition < partitions; partition += 1) {
        const record = store.read({ partition, bucket, key });
        if (record !== undefined) return digestOf(record.bytes);
      }
      return 'nothing';
    });
  }

  isNowhere(bucket: string, key: string): boolean {
    return this.#holds(bucket, key).every((held) => held === 'nothing');
  }

  /** Resolves when no request is under way anywhere; tells of what does not end. */
  async quiet(): Promise<Problem[]> {
    const lateMs = performance.now() + QUIET_MS;
    const busy = () =>
      this.nodes.filter(({ coordinator, bus }) => coordinator.stats().inFlight > 0 || running(bus) > 0);
    while (busy().length > 0) {
      if (performance.now() > lateMs)
        return [{ index: undefined, what: `still under way: ${busy().map(({ id }) => id)}` }];
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return [];
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    process.off('unhandledRejection', this.#onUnhandled);
    process.off('uncaughtException', this.#onUnhandled);
    rmSync(this.#directory, { recursive: true });
  }

  async #guard(): Promise<void> {
    const { coordinator } = this.nodes[0]!;
    for (const key of guardedKeys)
      await coordinator.put({ bucket: guardedBucket, key, value: Buffer.from(key), w: 'all' });
    for (const key of guardedKeys) {
      const held = this.#holds(guardedBucket, key);
      if (new Set(held).size !== 1) throw new Error(`${key} is not the same everywhere: ${held}`);
      this.#digests.set(key, held[0]!);
    }
  }

  #historyNow(): string {
    return this.nodes.map(({ membership: { ring } }) => `${ring.version.size} ${ring.version.digest}`).join(', ');
  }
}

function running(bus: RunningNode['bus']): number {
  const { stats } = bus as { stats?: () => { running: number; pending: number } };
  return stats === undefined ? 0 : stats.call(bus).running;
}
