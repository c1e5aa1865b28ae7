import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import {
  type AntiEntropy,
  antiEntropyAddress,
  type Collector,
  createAntiEntropy,
  createCollector,
  createScrub,
  type Scrub,
  scrubStart,
  scrubStatus,
} from '@ringfort/anti-entropy';
import { type Bus, type Clock, type MemoryNetwork, type Random, RemoteError } from '@ringfort/bus';
import { type Coordinator, createCoordinator, slotViewOf } from '@ringfort/coordinator';
import { createMembership, historyLogOverMeta, type NodeInfo, type NodeMembership } from '@ringfort/membership';
import {
  openLmdbStore,
  type ServedStorage,
  type StorageError,
  type StoreEngine,
  serveCopies,
  serveStorage,
} from '@ringfort/storage';
import { createVersioner, type Versioner } from '@ringfort/versioning';
import type { Logger } from 'pino';
import { fromPromise } from 'xstate';
import { openBus } from './bus-options.ts';
import { dataDirectory, type NodeConfig, parseListen } from './config.ts';
import { DirectoryNotWritableError, ListenFailedError, NotReadyError, PortTakenError } from './errors.ts';
import { ForegroundLatency } from './foreground-latency.ts';
import { drainable } from './http/drain.ts';
import type { HttpHost } from './http/host.ts';
import { codeOf } from './http/problems.ts';
import { createHttpServer } from './http/server.ts';
import { membershipLog, RarelyLog } from './log.ts';
import { measuredBus } from './measured-bus.ts';
import { createMetrics, measured, type NodeMetrics } from './metrics.ts';
import { Moving } from './moving.ts';
import { openNodeCopy } from './node-copy.ts';
import { runMarkerIn } from './run-marker.ts';
import { version } from './version.ts';

/** A peer that was not there, or not yet: membership tells of that. */
const passing = new Set(['NO_RESPONDERS', 'PEER_LOST', 'DEADLINE_EXCEEDED', 'DISCONNECTED', 'NOT_SERVING']);

/** What a collection waits for. */
const waiting = new Set([
  ...passing,
  'MEMBER_DOWN',
  'COLLECTION_UNSETTLED',
  'COLLECTION_SUPERSEDED',
  'STAND_INS_OWED',
  'BARRIER_NOT_ADOPTED',
  'COPIES_HELD',
]);

/** Tombstones younger than that are left for the next time. */
const MIN_AGE_MS = 60_000;

const loopback = /^(127\.|localhost$|::1$)/;

export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: MemoryNetwork | undefined;
  readonly log: Logger;
  readonly processMetrics: boolean;
  /** Where the node's life stands: `connectingBus`, `serving`, ... */
  lifeState(): string;
}

/** Of the parts, those that the node's life has made so far; and the steps that make and close them. */
export class NodeParts {
  readonly #config: NodeConfig;
  readonly #around: Surroundings;
  readonly #metrics: NodeMetrics;
  readonly #directory: string;
  readonly #faults: RarelyLog;
  #store: StoreEngine | undefined;
  /** The store could not read all that it had journaled. */
  #damaged = false;
  #http: { drain(): Promise<void> } | undefined;
  #httpUrl: string | undefined;
  #versioner: Versioner | undefined;
  #bus: Bus | undefined;
  #storage: ServedStorage | undefined;
  #copies: { close(): void } | undefined;
  #membership: NodeMembership | undefined;
  #coordinator: Coordinator | undefined;
  #countedCoordinator: Coordinator | undefined;
  #antiEntropy: AntiEntropy | undefined;
  readonly #moving = new Moving();
  #collector: Collector | undefined;
  #scrub: Scrub | undefined;
  /** The step that was begun last, for the message of a stop that hangs. */
  lastStep = '';

  constructor(config: NodeConfig, around: Surroundings) {
    this.#config = config;
    this.#around = around;
    this.#metrics = createMetrics(config.id, { defaultMetrics: around.processMetrics });
    this.#directory = resolve(dataDirectory(config));
    this.#faults = new RarelyLog(around.log, around.clock);
  }

  /** The steps under the names that the node's machine gives them. */
  get steps() {
    const step = (name: string, run: () => Promise<void>) =>
      fromPromise<void>(() => {
        this.lastStep = name;
        return run();
      });
    return {
      openStore: step('openStore', () => this.#openStore()),
      openHttp: step('openHttp', () => this.#openHttp()),
      claimRun: step('claimRun', () => this.#claimRun()),
      connectBus: step('connectBus', () => this.#connectBus()),
      serveStorage: step('serveStorage', () => this.#serveStorage()),
      joinCluster: step('joinCluster', () => this.#joinCluster()),
      startCoordinator: step('startCoordinator', () => this.#startCoordinator()),
      startAntiEntropy: step('startAntiEntropy', async () => {
        this.#startAntiEntropy();
        this.#startScrub();
      }),
      drainHttp: step('drainHttp', async () => this.#http?.drain()),
      closeAntiEntropy: step('closeAntiEntropy', () => this.#closeAntiEntropy()),
      closeCoordinator: step('closeCoordinator', async () => this.#coordinator?.close()),
      leaveMembership: step('leaveMembership', async () => this.#membership?.close()),
      closeBus: step('closeBus', async () => this.#bus?.close()),
      handRunOver: step('handRunOver', async () => this.#versioner?.stop()),
      closeStore: step('closeStore', async () => this.#closeStore()),
    };
  }

  /** Every part of a node that serves. */
  all() {
    const bus = made(this.#bus, 'bus');
    const store = made(this.#store, 'store');
    const membership = made(this.#membership, 'membership');
    return { httpUrl: this.#httpUrl, membership, coordinator: made(this.#coordinator, 'coordinator'), store, bus };
  }

  async #openStore(): Promise<void> {
    try {
      await mkdir(this.#directory, { recursive: true });
    } catch (cause) {
      throw new DirectoryNotWritableError(this.#directory, cause);
    }
    const { clock, random } = this.#around;
    const { durability, limits } = this.#config;
    const maxHintBytesPerTarget = limits.hintBytes;
    const onDamage = (err: StorageError) => {
      this.#damaged = true;
      this.#around.log.error({ err }, err.message);
    };
    const directory = this.#directory;
    this.#store = await openLmdbStore({ directory, durability, maxHintBytesPerTarget, clock, random, onDamage });
    this.#metrics.sources.store = this.#store;
  }

  /** Listens before the node can serve: a taken port fails the start before anything else was touched, and `/healthz` answers. */
  async #openHttp(): Promise<void> {
    const listen = parseListen(this.#config.http);
    if (listen === undefined) return;
    const { host, port } = listen;
    const http = createHttpServer(this.#httpHost());
    const draining = drainable(http, this.#around.clock);
    try {
      await http.listen({ host, port });
    } catch (cause) {
      await http.close();
      const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
      throw taken ? new PortTakenError(host, port, '--http', cause) : new ListenFailedError(host, port, cause);
    }
    if (!loopback.test(host) && this.#config.tokens.length === 0) {
      this.#around.log.warn(
        { host, port },
        'HTTP is open to other machines without tokens: set RINGFORT_TOKENS, or listen on 127.0.0.1',
      );
    }
    this.#http = draining;
    this.#httpUrl = urlOf(host, (http.server.address() as AddressInfo).port);
  }

  async #claimRun(): Promise<void> {
    const { random, log } = this.#around;
    const marker = runMarkerIn(this.#directory, made(this.#store, 'store'), random);
    // A store that has lost something cannot go on with the run that knew it: those dots may be with others.
    const take = async () => {
      const found = await marker.take();
      return this.#damaged ? undefined : found;
    };
    this.#versioner = await createVersioner({
      random: (count) => random.bytes(count),
      marker: { ...marker, take },
      onAlarm: (alarm) => log.error({ alarm }, 'this store knows less than it once did, or a copy of it gives dots'),
    });
  }

  async #connectBus(): Promise<void> {
    const { clock, random, network } = this.#around;
    const onError = (error: unknown, where: string) => this.#faults.warn(where, error, 'the bus met a failure');
    this.#bus = await openBus(this.#config, { clock, random, network, onError });
  }

  async #serveStorage(): Promise<void> {
    const { clock, log } = this.#around;
    const store = made(this.#store, 'store');
    this.#storage = serveStorage({
      bus: made(this.#bus, 'bus'),
      nodeId: this.#config.id,
      store,
      isServing: () => this.#membership?.state === 'member' && this.#collector?.knowsBarriers === true,
      slots: slotViewOf(this.#config.id, () => made(this.#membership, 'membership').ring),
      moves: this.#moving.moves,
      clock,
      logger: log,
    });
    const bus = made(this.#bus, 'bus');
    this.#copies = serveCopies({ bus, nodeId: this.#config.id, store, clock, random: this.#around.random });
    this.#metrics.sources.storage = this.#storage;
  }

  async #joinCluster(): Promise<void> {
    const { clock, random, log } = this.#around;
    const { id, seeds, partitions, weight, zone } = this.#config;
    const store = made(this.#store, 'store');
    this.#membership = await createMembership({
      bus: made(this.#bus, 'bus'),
      clock,
      random,
      log: historyLogOverMeta(store),
      self: { id, store: store.storeId, weight, zone, info: () => this.#info() },
      refillable: store,
      seeds: seeds.length === 0 ? [id] : seeds,
      partitions,
      logger: membershipLog(log),
    });
    this.#takePartInCollections();
  }

  async #startCoordinator(): Promise<void> {
    const { clock, random } = this.#around;
    const { limits, timeoutMs } = this.#config;
    this.#coordinator = createCoordinator({
      bus: measuredBus(made(this.#bus, 'bus'), this.#metrics, clock),
      store: made(this.#store, 'store'),
      membership: made(this.#membership, 'membership'),
      versioner: made(this.#versioner, 'versioner'),
      moves: this.#moving.moves,
      clock,
      random,
      limits: {
        maxInFlight: limits.inFlight,
        maxKeyBytes: limits.keyBytes,
        maxValueBytes: limits.valueBytes,
        maxSiblings: limits.siblings,
        defaultTimeoutMs: timeoutMs,
      },
      onFault: (fault, where) => {
        if (where.startsWith('local')) this.#storage?.report(fault);
        this.#faults.warn(where, fault, 'the coordinator met a failure that no request waits for');
      },
    });
    this.#countedCoordinator = measured(this.#coordinator, this.#metrics, clock);
    this.#metrics.sources.coordinator = this.#coordinator;
  }

  #startAntiEntropy(): void {
    const { clock, random } = this.#around;
    const { antiEntropyIntervalSeconds } = this.#config;
    this.#antiEntropy = createAntiEntropy({
      bus: made(this.#bus, 'bus'),
      store: made(this.#store, 'store'),
      membership: made(this.#membership, 'membership'),
      clock,
      random,
      limits: { intervalMs: 1000 * antiEntropyIntervalSeconds },
      onFilled: (partitions, left) =>
        this.#around.log.info(
          { partitions: partitions.length, left },
          'filled from the other owners after a lost store',
        ),
      onFault: (fault, where) => {
        if (passing.has(codeOf(fault))) {
          this.#around.log.debug({ err: fault, where }, 'replicas were not compared: it is tried again');
          return;
        }
        // What the other side's store refused says nothing of this one.
        if (!(fault instanceof RemoteError)) this.#storage?.report(fault);
        this.#faults.warn(where, fault, 'replicas were not made equal: it is tried again');
      },
    });
    this.#metrics.sources.antiEntropy = this.#antiEntropy;
    this.#moving.begin({
      bus: made(this.#bus, 'bus'),
      store: made(this.#store, 'store'),
      membership: made(this.#membership, 'membership'),
      clock,
      random,
      log: this.#around.log,
      maxBytesPerSecond: 1024 * 1024 * this.#config.transferMebibytesPerSecond,
      foregroundP99Ms: this.#foregroundP99Ms(),
      onFault: (fault, where) => this.#missedMove(fault, where),
    });
    this.#metrics.sources.moving = this.#moving;
  }

  #foregroundP99Ms(): () => number | undefined {
    const latency = new ForegroundLatency(() => this.#metrics.latencies(), this.#around.clock);
    return () => latency.p99Ms();
  }

  #missedMove(fault: unknown, where: string): void {
    if (passing.has(codeOf(fault)))
      this.#around.log.debug({ err: fault, where }, 'nothing was moved: it is tried again');
    else this.#faults.warn(where, fault, 'nothing was moved: it is tried again');
  }

  async #closeAntiEntropy(): Promise<void> {
    this.#scrub?.close();
    this.#antiEntropy?.close();
    this.#collector?.close();
    await this.#moving.close();
  }

  /** Also where this node begins none: all members take part in each. */
  #takePartInCollections(): void {
    const { clock, random } = this.#around;
    const intervalMs = 1000 * this.#config.collectIntervalSeconds;
    this.#collector = createCollector({
      bus: made(this.#bus, 'bus'),
      store: made(this.#store, 'store'),
      membership: made(this.#membership, 'membership'),
      clock,
      random,
      limits: { intervalMs, minAgeMs: Math.min(intervalMs, MIN_AGE_MS) },
      onFault: (fault, where) => {
        if (waiting.has(codeOf(fault))) {
          this.#around.log.debug({ err: fault, where }, 'nothing was collected: it is tried again');
          return;
        }
        this.#faults.warn(where, fault, 'what was deleted was not collected: it is tried again');
      },
    });
    this.#metrics.sources.collector = this.#collector;
  }

  #startScrub(): void {
    const { clock, random } = this.#around;
    this.#scrub = createScrub({
      bus: made(this.#bus, 'bus'),
      store: made(this.#store, 'store'),
      membership: made(this.#membership, 'membership'),
      clock,
      random,
      limits: { intervalMs: 1000 * this.#config.scrubIntervalSeconds },
      onFault: (fault, where) => {
        if (passing.has(codeOf(fault))) return;
        this.#storage?.report(fault);
        this.#faults.warn(where, fault, 'a scrub met a failure: it is tried again');
      },
    });
    this.#metrics.sources.scrub = this.#scrub;
  }

  async #closeStore(): Promise<void> {
    this.#metrics.close();
    this.#copies?.close();
    // What serves the store closes it too.
    await (this.#storage ?? this.#store)?.close();
  }

  #info(): NodeInfo {
    const hintsHeld = (this.#store?.hintStats() ?? []).reduce((sum, { count }) => sum + count, 0);
    const http = this.#httpUrl;
    const mode = this.#storage?.mode;
    const isRefilling = mode === 'serving' && (this.#antiEntropy?.stats().unfilled ?? 0) > 0;
    const storage = isRefilling ? 'refilling' : mode;
    return { ...(http && { http }), ...(storage && { storage }), pid: process.pid, version, hintsHeld };
  }

  #httpHost(): HttpHost {
    const { id, cluster, limits, timeoutMs, tokens } = this.#config;
    const { random, log } = this.#around;
    return {
      nodeId: id,
      cluster,
      limits,
      timeoutMs,
      tokens,
      metrics: this.#metrics,
      random,
      log,
      coordinator: () => this.#ready(this.#countedCoordinator),
      openCopy: async (node) => openNodeCopy(this.#ready(this.#bus), node),
      membership: () => this.#ready(this.#membership),
      scrub: (verb, node) => {
        const bus = this.#ready(this.#bus);
        return bus.request(antiEntropyAddress(node), verb === 'start' ? scrubStart : scrubStatus, {}, { timeoutMs });
      },
      unreadyReason: () => this.#unreadyReason(),
      condition: () => ({ bus: this.#bus?.status ?? 'none', storage: this.#storage?.mode ?? 'none' }),
    };
  }

  #ready<Part>(part: Part | undefined): Part {
    if (part === undefined) throw new NotReadyError(this.#unreadyReason() ?? 'it is starting');
    return part;
  }

  #unreadyReason(): string | undefined {
    const state = this.#around.lifeState();
    if (state !== 'serving') return state;
    const { state: membership, reason } = made(this.#membership, 'membership');
    if (membership === 'member') return undefined;
    return `its membership is ${membership}${reason === undefined ? '' : ` (${reason})`}`;
  }
}

/** A part that an earlier step has made. */
function made<Part>(part: Part | undefined, name: string): Part {
  if (part === undefined) throw new NotReadyError(`its ${name} is not there yet`);
  return part;
}

function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? hostname() : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
