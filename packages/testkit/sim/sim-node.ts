import {
  type AntiEntropy,
  type AntiEntropyOptions,
  type Collector,
  createAntiEntropy,
  createCollector,
  createHandOvers,
  createScrub,
  createTransfers,
  type HandOvers,
  type Scrub,
  type Transfers,
  transferStore,
} from '@ringfort/anti-entropy';
import { type CountedBus, createBus } from '@ringfort/bus';
import { type Coordinator, type CoordinatorLimits, createCoordinator, slotViewOf } from '@ringfort/coordinator';
import { createMembership, historyLogOverMeta, type Membership, type NodeMembership } from '@ringfort/membership';
import { emptyRing } from '@ringfort/ring';
import {
  type Durability,
  type Moves,
  type ServedStorage,
  type Store,
  type StoreEngine,
  serveStorage,
} from '@ringfort/storage';
import { createVersioner, MarkerError, type RunMarkerStore, type Versioner } from '@ringfort/versioning';
import { type SeededRandom, seededRandom, type VirtualClock } from '../src/index.ts';
import type { EventLog } from './event-log.ts';
import { NodeClock } from './node-clock.ts';
import { markerKey, type SimDisk } from './sim-disk.ts';
import type { SimNetwork, SimTransport } from './sim-network.ts';
import { type StoreWatcher, watchedStore } from './watched-store.ts';

/** What all nodes of a run share. */
export interface NodeWorld {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly log: EventLog;
  readonly watcher: StoreWatcher;
  readonly seeds: readonly string[];
  readonly partitions: number;
  readonly durability: Durability;
  readonly maxHintBytesPerTarget: number;
  readonly limits: Partial<CoordinatorLimits>;
  /** How often replicas are compared; 0: never. */
  readonly antiEntropyMs: number;
  /** How often what was deleted is collected; 0: never. */
  readonly collectMs: number;
  readonly courtesyMs: number;
  /** How often a store reads all that it holds; 0: never. */
  readonly scrubMs: number;
}

/** Exchanges that faults hold up are to end soon after these. */
const EXCHANGE_TIMEOUT_MS = 2_000;

const SCRUB_RETRY_MS = 500;

/** One life of a node's process. */
export interface NodeLife {
  readonly clock: NodeClock;
  readonly transport: SimTransport;
  readonly bus: CountedBus;
  readonly store: Store;
  readonly versioner: Versioner;
  readonly storage: ServedStorage;
  readonly membership: Membership;
  readonly coordinator: Coordinator;
  readonly antiEntropy: AntiEntropy;
  readonly transfers: Transfers;
  readonly handOvers: HandOvers;
  readonly collector: Collector;
  readonly scrub: Scrub;
}

/** A whole node, assembled as `apps/node` does it, on simulated time, network and disk. It can die at any moment and start again. */
export class SimNode {
  readonly id: string;
  readonly #world: NodeWorld;
  readonly #random: SeededRandom;
  #disk: SimDisk;
  /** Of the present process, from its first moment on. */
  clock: NodeClock | undefined;
  transport: SimTransport | undefined;
  /** The parts of the present process, once all are there. */
  life: NodeLife | undefined;
  #wallOffsetMs = 0;
  #stopping = false;

  constructor(id: string, disk: SimDisk, world: NodeWorld, random: SeededRandom) {
    this.id = id;
    this.#disk = disk;
    this.#world = world;
    this.#random = random;
  }

  get disk(): SimDisk {
    return this.#disk;
  }

  get running(): boolean {
    return this.clock !== undefined;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Starts a process on the disk as it is. Resolves when all parts are there; never when it is killed before. */
  async start(): Promise<void> {
    if (this.running) throw new Error(`${this.id} runs already`);
    const { clock: worldClock, network, log } = this.#world;
    const random = this.#random.fork();
    const clock = new NodeClock(worldClock, random.fork(), this.#wallOffsetMs);
    const transport = network.connect(`node.${this.id}`, clock);
    this.clock = clock;
    this.transport = transport;
    log.add(this.id, `starts with ${this.#disk.frames} frames on disk`);
    const life = await this.#assemble(clock, transport, random);
    if (clock.alive) this.life = life;
  }

  /** The process ends at once, with all that it had in memory; `noticed`: its server sees the connection close. */
  kill(noticed: boolean): void {
    const { clock, transport } = this;
    if (clock === undefined || transport === undefined) return;
    this.#world.log.add(this.id, `is killed${noticed ? '' : ', unnoticed'}`);
    this.#wallOffsetMs = clock.wallOffsetMs;
    clock.kill();
    this.#disk.release();
    if (noticed) transport.vanish();
    this.clock = undefined;
    this.transport = undefined;
    this.life = undefined;
    this.#stopping = false;
  }

  /** A clean stop, in the order of `apps/node`. */
  async stop(): Promise<void> {
    const { life, clock } = this;
    if (life === undefined || clock === undefined || this.#stopping) return;
    this.#world.log.add(this.id, 'stops');
    this.#stopping = true;
    const { coordinator, antiEntropy, collector, scrub, handOvers, transfers, membership, bus, versioner, storage } =
      life;
    await coordinator.close();
    antiEntropy.close();
    collector.close();
    scrub.close();
    handOvers.close();
    await transfers.close();
    await membership.close();
    await bus.close();
    await versioner.stop().catch((error: unknown) => {
      if (!(error instanceof MarkerError)) throw error;
      this.#world.log.add(this.id, `hands its run to nobody: ${error.code}`);
    });
    await storage.close();
    if (this.clock === clock) this.kill(true);
  }

  /**
   * Another, empty disk is put in while the node is down. Whoever does so sets the clock: a founder that is wiped and asks while no other
   * runs writes a second founding record, which must not be earlier than its first.
   */
  replaceDisk(disk: SimDisk): void {
    if (this.running) throw new Error(`${this.id} runs`);
    this.#disk = disk;
    this.#wallOffsetMs = 0;
  }

  async #assemble(clock: NodeClock, transport: SimTransport, random: SeededRandom): Promise<NodeLife> {
    const { log, watcher, durability, maxHintBytesPerTarget, seeds, partitions, limits } = this.#world;
    const { id } = this;
    const fault = (error: unknown, where: string) => log.add(id, `${where}: ${codeOf(error)}`);
    const open = await this.#disk.open({ clock, random: random.fork(), durability, maxHintBytesPerTarget });
    const store = watchedStore(open, id, watcher, (key, error) =>
      log.add(id, `takes no hint of ${key}: ${codeOf(error)}`),
    );
    const versioner = await createVersioner({
      random: (count) => random.bytes(count),
      marker: markerOn(this.#disk, open),
      onAlarm: (alarm) => log.add(id, `alarm ${alarm.kind} ${alarm.keyId}`),
    });
    const bus = createBus(transport, {
      cluster: 'sim',
      self: `node.${id}`,
      clock,
      random: random.fork(),
      onError: fault,
    });
    const parts: { membership?: Membership; handOvers?: HandOvers; collector?: Collector } = {};
    const moves: Moves = {
      forwardTo: (partition) => parts.handOvers?.forwardTo(partition),
      missed: (record, to, error) => parts.handOvers?.missed(record, to, error) ?? true,
    };
    const storage = serveStorage({
      bus,
      nodeId: id,
      store,
      isServing: () => parts.membership?.state === 'member' && parts.collector?.knowsBarriers === true,
      slots: slotViewOf(id, () => parts.membership?.ring ?? emptyRing),
      moves,
      clock,
      logger: { warn: (details, message) => log.add(id, `${message} ${codeOf(details.error)}`) },
    });
    storage.onMode((mode) => log.add(id, `the store is ${mode}`));
    const membership = await createMembership({
      bus,
      clock,
      random: random.fork(),
      log: historyLogOverMeta(store),
      self: { id, store: store.storeId, weight: 1, zone: id, info: () => this.#info(store) },
      refillable: store,
      seeds,
      partitions,
      logger: (entry) => log.add(id, `membership ${entry.level} ${entry.code} ${entry.message}`),
    });
    parts.membership = membership;
    const coordinator = createCoordinator({
      bus,
      store,
      membership,
      versioner,
      clock,
      random: random.fork(),
      limits,
      moves,
      onFault: (error, where) => {
        if (where.startsWith('local')) storage.report(error);
        fault(error, where);
      },
    });
    const antiEntropy = this.#compareReplicas({ bus, store, membership, clock, random, fault });
    const moving = this.#moveSlots({ bus, store, membership, clock, fault });
    parts.handOvers = moving.handOvers;
    const { collectMs: intervalMs, courtesyMs } = this.#world;
    const collector = createCollector({
      bus,
      store,
      membership,
      clock,
      random: random.fork(),
      limits: { intervalMs, courtesyMs, minAgeMs: 0, timeoutMs: EXCHANGE_TIMEOUT_MS },
      onFault: fault,
    });
    parts.collector = collector;
    const scrubLimits = { intervalMs: this.#world.scrubMs, timeoutMs: EXCHANGE_TIMEOUT_MS, retryMs: SCRUB_RETRY_MS };
    const scrub = createScrub({
      ...{ bus, store, membership, clock, random: seededRandom(7) },
      limits: scrubLimits,
      onFault: fault,
    });
    return {
      clock,
      transport,
      bus,
      store,
      versioner,
      storage,
      membership,
      coordinator,
      antiEntropy,
      collector,
      scrub,
      ...moving,
    };
  }

  #moveSlots(parts: {
    bus: CountedBus;
    store: StoreEngine;
    membership: NodeMembership;
    clock: NodeClock;
    fault: (error: unknown, where: string) => void;
  }) {
    const { bus, store, membership, clock, fault } = parts;
    const { log } = this.#world;
    const { id } = this;
    // Of its own: the dice of runs without changes of the members stay as they were.
    const random = seededRandom(Number.parseInt(store.storeId.slice(0, 8), 16) + this.#disk.frames);
    const transfers = createTransfers({
      bus,
      nodeId: id,
      store: transferStore(store),
      clock,
      random: random.fork(),
      limits: { requestTimeoutMs: EXCHANGE_TIMEOUT_MS, leaseMs: 10_000, backoffMaxMs: 2_000 },
      onFault: fault,
    });
    const handOvers = createHandOvers({
      ...{ bus, store, membership, transfers, clock, random: random.fork() },
      limits: { timeoutMs: EXCHANGE_TIMEOUT_MS, sweepMs: 4_000, backoffMaxMs: 4_000 },
      onEvent: ({ type, ...details }) => log.add(id, `${type} ${Object.values(details).join(' ')}`),
      onFault: fault,
    });
    return { transfers, handOvers };
  }

  #compareReplicas(
    parts: Omit<AntiEntropyOptions, 'onFault' | 'onFilled'> & {
      random: SeededRandom;
      fault: (error: unknown, where: string) => void;
    },
  ) {
    const intervalMs = this.#world.antiEntropyMs;
    const { random, fault, ...rest } = parts;
    const onFilled = (partitions: readonly number[], left: number) =>
      this.#world.log.add(this.id, `is filled with ${partitions.length} partitions, lacks ${left}`);
    const limits = { intervalMs, timeoutMs: EXCHANGE_TIMEOUT_MS };
    return createAntiEntropy({ ...rest, random: random.fork(), limits, onFilled, onFault: fault });
  }

  #info(store: Store) {
    return { version: 'sim', hintsHeld: store.hintStats().reduce((sum, { count }) => sum + count, 0) };
  }
}

/**
 * The marker of a clean stop, in two halves as in `apps/node`: what the disk keeps beside the store counts only with the word that the store
 * holds, so that it is nothing to a store that lost its last writes. Both are gone once it was taken.
 */
function markerOn(disk: SimDisk, store: Store): RunMarkerStore {
  return {
    async take() {
      const { left } = disk;
      const word = store.getMeta(markerKey);
      disk.left = undefined;
      if (word !== undefined) await store.putMeta(markerKey, undefined);
      return left !== undefined && word !== undefined && Buffer.from(word).equals(left.word) ? left.marker : undefined;
    },
    async leave(marker) {
      disk.cleanStops += 1;
      const word = Buffer.from(String(disk.cleanStops));
      await store.putMeta(markerKey, word);
      disk.left = { marker, word };
    },
  };
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? code : String(message);
}
