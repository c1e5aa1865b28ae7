import { type CountedBus, createBus } from '@ringfort/bus';
import { createMembership, type HistoryLog, type Membership, memoryHistoryLog } from '@ringfort/membership';
import { type SeededRandom, seededRandom, type VirtualClock, virtualClock } from '../src/index.ts';
import { EventLog } from './event-log.ts';
import { noLinkFaults } from './link-faults.ts';
import { NodeClock } from './node-clock.ts';
import { shareMachines } from './shared-machines.ts';
import { SimNetwork, type SimTransport } from './sim-network.ts';
import { setTrap } from './trap.ts';

/** What one process believes down, as it says so. */
interface Verdict {
  readonly observer: string;
  readonly node: string;
  readonly atMs: number;
}

interface Process {
  readonly clock: NodeClock;
  readonly transport: SimTransport;
  readonly bus: CountedBus;
  membership: Membership | undefined;
}

/** How long it took until the first, and until all others, believed a node down, in virtual milliseconds; undefined: not within {@link PATIENCE_MS}. */
export interface Detection {
  readonly firstMs: number | undefined;
  readonly allMs: number | undefined;
}

const PARTITIONS = 128;
const START_WITHIN_MS = 1_000;
const PATIENCE_MS = 60_000;
const LOOK_MS = 10;

/** The memberships of a cluster, with nothing else in their processes, and what they say of each other. */
export class DetectionCluster {
  readonly verdicts: Verdict[] = [];
  readonly ids: readonly string[];
  readonly #clock: VirtualClock = virtualClock({ startMs: 1_700_000_000_000, maxTimers: 200_000_000 });
  readonly #random: SeededRandom;
  readonly #network: SimNetwork;
  readonly #logs = new Map<string, HistoryLog>();
  readonly #processes = new Map<string, Process>();
  readonly #failed: unknown[] = [];

  constructor(nodes: number, seed: number) {
    this.#random = seededRandom(seed);
    this.#network = new SimNetwork(this.#clock, this.#random.fork(), new EventLog(this.#clock.monotonicMs, false));
    this.ids = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
  }

  /** Starts all and waits until they take each other for up. */
  async found(): Promise<void> {
    for (const id of this.ids) {
      this.#clock.setTimeout(() => this.start(id), this.#random.float() * START_WITHIN_MS);
    }
    await this.whole();
  }

  pick(): string {
    return this.#random.pick(this.ids);
  }

  lose(share: number): void {
    this.#network.faults.rates = { ...noLinkFaults, drop: share };
  }

  async pass(ms: number): Promise<void> {
    await this.#clock.advanceAsync(ms);
    if (this.#failed.length > 0) throw this.#failed[0];
  }

  get nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Payloads that all nodes sent by now, and their bytes. */
  get sent(): { readonly frames: number; readonly bytes: number } {
    return { frames: this.#network.frames, bytes: this.#network.bytes };
  }

  clockOf(id: string): NodeClock {
    return this.#processes.get(id)!.clock;
  }

  start(id: string): void {
    const clock = new NodeClock(this.#clock, this.#random.fork());
    const transport = this.#network.connect(`node.${id}`, clock);
    const bus = createBus(transport, { cluster: 'sim', self: `node.${id}`, clock, random: this.#random.fork() });
    const process: Process = { clock, transport, bus, membership: undefined };
    this.#processes.set(id, process);
    this.#join(id, process).catch((error: unknown) => this.#failed.push(error));
  }

  /** The process ends; `noticed`: its NATS server sees the connection close. */
  kill(id: string, noticed: boolean): void {
    const { clock, transport } = this.#processes.get(id)!;
    clock.kill();
    if (noticed) transport.vanish();
    this.#processes.delete(id);
  }

  /** Waits until the others believe it down. */
  async detected(id: string): Promise<Detection> {
    const [sinceMs, since] = [this.nowMs, this.verdicts.length];
    const others = [...this.#processes].filter(([other]) => other !== id);
    const allMs = await this.#until(() => others.every(([, { membership }]) => membership?.isUp(id) === false));
    const first = this.verdicts.slice(since).find(({ node }) => node === id);
    return { firstMs: first === undefined ? undefined : first.atMs - sinceMs, allMs };
  }

  /** Waits until all run and take each other for up. */
  async whole(): Promise<void> {
    const upMs = await this.#until(() =>
      this.ids.every((id) => {
        const membership = this.#processes.get(id)?.membership;
        return membership?.state === 'member' && this.ids.every((other) => membership.isUp(other));
      }),
    );
    if (upMs === undefined) throw new Error(`${this.ids.length} nodes did not come together`);
  }

  async #join(id: string, process: Process): Promise<void> {
    const { bus, clock } = process;
    const log = this.#logs.get(id) ?? memoryHistoryLog();
    this.#logs.set(id, log);
    const self = { id, store: `store-of-${id}`, weight: 1, zone: id, info: () => ({ version: 'sim', hintsHeld: 0 }) };
    const random = this.#random.fork();
    const options = { bus, clock, random, log, self, seeds: this.ids, partitions: PARTITIONS };
    const membership = await createMembership(options);
    membership.on((event) => {
      if (event.type === 'node.down') this.verdicts.push({ observer: id, node: event.node, atMs: this.nowMs });
    });
    process.membership = membership;
  }

  /** How long it takes until it is so. */
  async #until(isTrue: () => boolean): Promise<number | undefined> {
    for (let passedMs = 0; passedMs <= PATIENCE_MS; passedMs += LOOK_MS) {
      if (isTrue()) return passedMs;
      await this.pass(LOOK_MS);
    }
    return undefined;
  }
}

/** What is done to a cluster of one size. */
export interface DetectionPlan {
  readonly nodes: number;
  /** Share of the messages that is lost. */
  readonly loss: number;
  readonly calmMs: number;
  /** How often a node is taken away. */
  readonly crashes: number;
}

export interface DetectionRow extends DetectionPlan {
  /** Nodes believed down while all ran and nothing but messages was lost. */
  readonly falseVerdicts: number;
  readonly bytesPerSecond: number;
  /** A machine that fell silent, and a process whose connection closed. */
  readonly silent: readonly Detection[];
  readonly closed: readonly Detection[];
}

const WARM_UP_MS = 30_000;
const BETWEEN_MS = 5_000;

/** Watches a cluster that loses messages, then takes nodes away, and brings them back. */
export function measureDetection(plan: DetectionPlan, seed: number): Promise<DetectionRow> {
  return trapped(seed, async () => {
    const cluster = new DetectionCluster(plan.nodes, seed);
    await cluster.found();
    await cluster.pass(WARM_UP_MS);
    cluster.lose(plan.loss);
    const [verdicts, bytes] = [cluster.verdicts.length, cluster.sent.bytes];
    await cluster.pass(plan.calmMs);
    const falseVerdicts = cluster.verdicts.length - verdicts;
    const bytesPerSecond = ((cluster.sent.bytes - bytes) * 1_000) / plan.calmMs / plan.nodes;
    const found: { silent: Detection[]; closed: Detection[] } = { silent: [], closed: [] };
    for (let crash = 0; crash < 2 * plan.crashes; crash += 1) {
      const kind = crash % 2 === 0 ? 'silent' : 'closed';
      const id = cluster.pick();
      cluster.kill(id, kind === 'closed');
      found[kind].push(await cluster.detected(id));
      cluster.start(id);
      await cluster.pass(BETWEEN_MS);
    }
    return { ...plan, falseVerdicts, bytesPerSecond, ...found };
  });
}

export interface PausePlan {
  readonly nodes: number;
  /** How long a node stands still each time (SIGSTOP), or how late each of its callbacks may be for a minute. */
  readonly pauseMs?: number;
  readonly lagMs?: number;
  readonly times: number;
}

export interface PauseRow extends PausePlan {
  /** How often any other node believed it down meanwhile. */
  readonly believedDown: number;
  /** How many of the others it believed down itself, of the verdicts it could have given. */
  readonly blamed: number;
}

const LAG_FOR_MS = 60_000;

/** Stops one node after the other for a while, or makes it slow: it is not at fault that it finds nobody, and they are not either. */
export function measurePauses(plan: PausePlan, seed: number): Promise<PauseRow> {
  return trapped(seed, async () => {
    const cluster = new DetectionCluster(plan.nodes, seed);
    await cluster.found();
    await cluster.pass(WARM_UP_MS);
    let [believedDown, blamed] = [0, 0];
    for (let time = 0; time < plan.times; time += 1) {
      const before = cluster.verdicts.length;
      const id = cluster.pick();
      const clock = cluster.clockOf(id);
      if (plan.lagMs !== undefined) {
        clock.slow(plan.lagMs);
        await cluster.pass(LAG_FOR_MS);
        clock.slow(0);
      } else {
        clock.pause();
        await cluster.pass(plan.pauseMs ?? 0);
        clock.resume();
      }
      await cluster.pass(BETWEEN_MS);
      const verdicts = cluster.verdicts.slice(before);
      if (verdicts.some(({ node }) => node === id)) believedDown += 1;
      blamed += verdicts.filter(({ observer }) => observer === id).length;
      await cluster.whole();
    }
    return { ...plan, believedDown, blamed };
  });
}

async function trapped<T>(seed: number, measure: () => Promise<T>): Promise<T> {
  const trap = setTrap(seededRandom(seed ^ 0x5eed));
  const unshare = shareMachines();
  try {
    const measured = await measure();
    if (trap.sprung.length > 0) throw new Error(`the real world was asked: ${trap.sprung.join('; ')}`);
    return measured;
  } finally {
    unshare();
    trap.remove();
  }
}
