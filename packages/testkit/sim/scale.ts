import type { Ring } from '@ringfort/ring';
import { type SeededRandom, seededRandom, type VirtualClock, virtualClock } from '../src/index.ts';
import { EventLog } from './event-log.ts';
import { shareMachines } from './shared-machines.ts';
import { SimDisk } from './sim-disk.ts';
import { SimNetwork } from './sim-network.ts';
import { SimNode } from './sim-node.ts';
import { setTrap } from './trap.ts';

/** The least and the most that one node has. */
export interface Spread {
  readonly least: number;
  readonly most: number;
  readonly fair: number;
}

/** What a cluster of one size did, in virtual milliseconds; undefined: not within {@link PATIENCE_MS}. */
export interface ScaleRow {
  readonly nodes: number;
  /** Until all held the whole founding and took each other for up, from the start of the first. */
  readonly foundedMs: number | undefined;
  /** Until all held a record that one of them wrote. */
  readonly changeMs: number | undefined;
  /** Until all others took a node for down whose connection closed, and one that fell silent. */
  readonly crashMs: number | undefined;
  readonly silenceMs: number | undefined;
  /** Of a node in a second without requests: what it sends, payloads alone. */
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  /** The same with a tenth of the nodes down (two at least), and with the others in two halves whose histories come apart. */
  readonly bytesPerSecondDown: number;
  readonly bytesPerSecondApart: number;
  /** Until all that are left held the same history, from the end of the split. */
  readonly togetherMs: number | undefined;
  /** Partitions of which a node is the first replica, and one of three. */
  readonly primaries: Spread;
  readonly replicas: Spread;
  /** Of the process, with all nodes. */
  readonly peakRssBytes: number;
}

/** 1,000 is no power of two, which the number of partitions must be. */
export const PARTITIONS = 1_024;
const REPLICAS = 3;
const PATIENCE_MS = 300_000;
const LOOK_MS = 10;
/** Nodes are not started at one moment. */
const START_WITHIN_MS = 1_000;
const CALM_MS = 10_000;
const STEADY_MS = 30_000;
/** Buckets that each side of a split configures. */
const CHANGES_APART = 20;

/** Founds a cluster, changes something, watches it idle, and takes two nodes away. */
export async function measureScale(nodes: number, seed: number): Promise<ScaleRow> {
  const trap = setTrap(seededRandom(seed ^ 0x5eed));
  const unshare = shareMachines();
  try {
    const row = await new ScaleRun(nodes, seed).measure();
    if (trap.sprung.length > 0) throw new Error(`the real world was asked: ${trap.sprung.join('; ')}`);
    return row;
  } finally {
    unshare();
    trap.remove();
  }
}

class ScaleRun {
  readonly #clock: VirtualClock = virtualClock({ startMs: 1_700_000_000_000, maxTimers: 20_000_000 });
  readonly #random: SeededRandom;
  readonly #network: SimNetwork;
  readonly #nodes: readonly SimNode[];

  constructor(nodes: number, seed: number) {
    this.#random = seededRandom(seed);
    const log = new EventLog(this.#clock.monotonicMs, false);
    this.#network = new SimNetwork(this.#clock, this.#random.fork(), log);
    const seeds = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
    const world = {
      clock: this.#clock,
      network: this.#network,
      log,
      watcher: { objectSeen() {} },
      seeds,
      partitions: PARTITIONS,
      durability: 'fsync' as const,
      maxHintBytesPerTarget: 1_000_000,
      limits: {},
      antiEntropyMs: 60_000,
      collectMs: 0,
      courtesyMs: 0,
      scrubMs: 0,
    };
    const disk = () => new SimDisk(Buffer.from(this.#random.bytes(16)).toString('hex'));
    this.#nodes = seeds.map((id) => new SimNode(id, disk(), world, this.#random.fork()));
  }

  async measure(): Promise<ScaleRow> {
    const foundedMs = await this.#found();
    const changeMs = await this.#change();
    await this.#clock.advanceAsync(CALM_MS);
    const rates = await this.#steadyRates();
    const loads = loadsOf(this.#ringOf(this.#nodes[0]!));
    const [first, second] = this.#random.shuffle([...this.#nodes]);
    const crashMs = await this.#lose(first!, true);
    const silenceMs = await this.#lose(second!, false);
    const trouble = await this.#trouble();
    const peakRssBytes = process.resourceUsage().maxRSS * 1024;
    const times = { foundedMs, changeMs, crashMs, silenceMs };
    return { nodes: this.#nodes.length, ...times, ...rates, ...trouble, ...loads, peakRssBytes };
  }

  #found(): Promise<number | undefined> {
    for (const node of this.#nodes) {
      const start = () => void node.start().catch((error: unknown) => this.#failed.push(error));
      this.#clock.setTimeout(start, this.#random.float() * START_WITHIN_MS);
    }
    const ids = this.#nodes.map(({ id }) => id);
    return this.#until(() =>
      this.#nodes.every(({ life }) => {
        const membership = life?.membership;
        return membership?.state === 'member' && ids.every((id) => membership.isUp(id));
      }),
    );
  }

  async #change(): Promise<number | undefined> {
    const author = this.#random.pick(this.#nodes).life!.membership;
    const before = author.ring.version.size;
    const settings = { n: REPLICAS, r: 1, w: 3, conflict: 'siblings' as const };
    author.configureBucket('measured', settings).catch((error: unknown) => this.#failed.push(error));
    return this.#until(() => this.#nodes.every((node) => this.#ringOf(node).version.size > before));
  }

  async #steadyRates() {
    const { frames, bytes } = this.#network;
    await this.#clock.advanceAsync(STEADY_MS);
    const perNode = (count: number) => (count * 1_000) / STEADY_MS / this.#left.length;
    return {
      messagesPerSecond: perNode(this.#network.frames - frames),
      bytesPerSecond: perNode(this.#network.bytes - bytes),
    };
  }

  #lose(lost: SimNode, noticed: boolean): Promise<number | undefined> {
    lost.kill(noticed);
    return this.#until(() => this.#left.every(({ life }) => !life!.membership.isUp(lost.id)));
  }

  async #trouble() {
    const down = this.#nodes.length - this.#left.length;
    for (const node of this.#left.slice(0, Math.max(0, this.#nodes.length / 10 - down))) node.kill(true);
    await this.#clock.advanceAsync(CALM_MS);
    const bytesPerSecondDown = (await this.#steadyRates()).bytesPerSecond;
    const halves = [this.#left.filter((_, at) => at % 2 === 0), this.#left.filter((_, at) => at % 2 === 1)];
    for (const half of halves)
      for (const { id } of half)
        for (const other of this.#left)
          if (!half.includes(other)) this.#network.faults.cutOneWay(`node.${id}`, `node.${other.id}`);
    await this.#clock.advanceAsync(CALM_MS);
    const settings = { n: 1, r: 1, w: 1, conflict: 'siblings' as const };
    const changes = halves.flatMap(([author], half) =>
      Array.from({ length: CHANGES_APART }, (_, at) =>
        author!.life!.membership.configureBucket(`apart-${half}-${at}`, settings),
      ),
    );
    const { bytesPerSecond: bytesPerSecondApart } = await this.#steadyRates();
    await Promise.all(changes);
    this.#network.faults.heal();
    const all = () => new Set(this.#left.map((node) => this.#ringOf(node).version.digest)).size === 1;
    return { bytesPerSecondDown, bytesPerSecondApart, togetherMs: await this.#until(all) };
  }

  get #left(): SimNode[] {
    return this.#nodes.filter(({ life }) => life !== undefined);
  }

  #ringOf(node: SimNode): Ring {
    return node.life!.membership.ring;
  }

  readonly #failed: unknown[] = [];

  /** How long it takes until it is so. */
  async #until(isTrue: () => boolean): Promise<number | undefined> {
    for (let passedMs = 0; passedMs <= PATIENCE_MS; passedMs += LOOK_MS) {
      if (this.#failed.length > 0) throw this.#failed[0];
      if (isTrue()) return passedMs;
      await this.#clock.advanceAsync(LOOK_MS);
    }
    return undefined;
  }
}

/** How the partitions are spread over the nodes of a ring. */
export function loadsOf(ring: Ring): { readonly primaries: Spread; readonly replicas: Spread } {
  const primaries = new Map(ring.nodes.map(({ id }) => [id, 0]));
  const replicas = new Map(primaries);
  for (let partition = 0; partition < ring.partitions; partition += 1) {
    const places = ring.preferenceList(partition).slice(0, REPLICAS);
    for (const [index, node] of places.entries()) {
      replicas.set(node, replicas.get(node)! + 1);
      if (index === 0) primaries.set(node, primaries.get(node)! + 1);
    }
  }
  return { primaries: spreadOf([...primaries.values()]), replicas: spreadOf([...replicas.values()]) };
}

function spreadOf(counts: readonly number[]): Spread {
  const sum = counts.reduce((total, count) => total + count, 0);
  return { least: Math.min(...counts), most: Math.max(...counts), fair: sum / counts.length };
}
