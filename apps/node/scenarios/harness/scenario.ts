import type { TestClusterOptions, TestNode } from '@ringfort/testkit';
import { type History, recordHistory, type SeededRandom, seededRandom, type TestCluster } from '@ringfort/testkit';
import { clientDoor, type Door, httpDoor } from './doors.ts';
import { type Load, type LoadOptions, recordedDoor, type Sample, startLoad } from './load.ts';
import type { Routes } from './routes.ts';
import { type Settled, settle } from './settle.ts';

/** One way to break a cluster, and what must hold all the same. */
export interface Scenario {
  readonly name: string;
  /** What is done to the cluster, in a few words. */
  readonly about: string;
  readonly cluster: ClusterWanted;
  /** At the latest; 90 s by default, the start of the cluster included. */
  readonly timeoutMs?: number;
  /**
   * Breaks the cluster under requests, heals it, and judges with `node:assert`. What every scenario must show (nothing is lost, replicas converge)
   * is judged by `settle`, which is called afterwards when the scenario has not done so.
   */
  run(context: ScenarioContext): Promise<void>;
}

export interface ClusterWanted extends Pick<TestClusterOptions, 'durability' | 'flags' | 'env' | 'nodeFlags'> {
  readonly nodes: number;
  /** 1 by default. The routes between several go through proxies. */
  readonly natsServers?: number;
  /** `own`: each node knows one NATS server alone, and waits for it. `all` (default): it goes to another. */
  readonly servers?: 'own' | 'all';
}

export interface Fact {
  readonly [name: string]: unknown;
}

/** What a scenario has in hand. Everything is ended by whoever runs it. */
export class ScenarioContext {
  readonly cluster: TestCluster;
  readonly random: SeededRandom;
  readonly history: History = recordHistory();
  readonly signal: AbortSignal;
  /** Tells how far it is. */
  readonly tell: (line: string) => void;
  readonly #routes: Routes | undefined;
  readonly #doors: Door[] = [];
  readonly #loads: Load[] = [];
  readonly #single: Sample[] = [];
  readonly #excused: { readonly fromMs: number; readonly untilMs: number }[] = [];
  readonly #slow: string[] = [];
  readonly #facts: Record<string, unknown> = {};
  #settled: Settled | undefined;

  constructor(cluster: TestCluster, routes: Routes | undefined, signal: AbortSignal, tell: (line: string) => void) {
    this.cluster = cluster;
    this.#routes = routes;
    this.signal = signal;
    this.tell = tell;
    this.random = seededRandom(1);
  }

  /** The routes between the NATS servers. */
  get routes(): Routes {
    if (this.#routes === undefined) throw new Error('the scenario asked for one NATS server, which has no routes');
    return this.#routes;
  }

  /** HTTP to these nodes in turn; to all by default. */
  httpDoor(nodes: readonly TestNode[] = this.cluster.nodes, maxSockets?: number): Door {
    return this.#opened(httpDoor(nodes, maxSockets));
  }

  /** The TypeScript client, with these NATS servers; with all by default. */
  async clientDoor(servers: readonly string[] = this.cluster.natsUrls): Promise<Door> {
    return this.#opened(await clientDoor(servers));
  }

  /** The door for requests that the scenario makes one by one: the history is told of each. */
  recorded(door: Door): Door {
    return recordedDoor(door, this.history, this.#single);
  }

  /** Requests at a steady rate, recorded. Each load of a scenario needs a name of its own, since values must differ. */
  load(options: Omit<LoadOptions, 'history' | 'random'>): Load {
    const load = startLoad({ ...options, history: this.history, random: this.random.fork() });
    this.#loads.push(load);
    return load;
  }

  /** Requests that count nowhere, so that those that count do not meet code that was never run. */
  async warmUp(options: Omit<LoadOptions, 'history' | 'random'> & { readonly durationMs: number }): Promise<void> {
    this.tell('warming up');
    const load = startLoad({ ...options, random: this.random.fork() });
    await load.sent;
    await load.finish();
  }

  get loads(): readonly Load[] {
    return this.#loads;
  }

  get single(): readonly Sample[] {
    return this.#single;
  }

  /**
   * A process was killed: without anti-entropy, replicas of keys that were being written at that time may differ until they are read. (The
   * coordinator died between its answer and the last replica's, so that nobody keeps a hint.)
   */
  excuse(fromMs: number, untilMs: number): void {
    this.#excused.push({ fromMs, untilMs });
  }

  get excused(): readonly { readonly fromMs: number; readonly untilMs: number }[] {
    return this.#excused;
  }

  /** A limit on time, or on what comes of too little time, which a busy machine breaks: judged only where latencies are. */
  expectBelow(what: string, actual: number, limit: number, unit: 'ms' | '' = 'ms'): void {
    if (!(actual < limit)) this.#slow.push(`${what}: ${Math.round(actual)} ${unit}, not below ${limit} ${unit}`);
  }

  get slow(): readonly string[] {
    return this.#slow;
  }

  /** Figures of this scenario alone, told beside the table. */
  note(facts: Fact): void {
    Object.assign(this.#facts, facts);
  }

  get facts(): Fact {
    return this.#facts;
  }

  /**
   * Ends all loads, waits until no node keeps anything for another, compares the replicas of every key without reading it, and has the checker
   * judge the history. Judged itself by whoever runs the scenario.
   */
  async settle(): Promise<Settled> {
    this.#settled ??= await settle(this);
    return this.#settled;
  }

  get settled(): Settled | undefined {
    return this.#settled;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#doors.map((door) => door.close()));
  }

  #opened(door: Door): Door {
    this.#doors.push(door);
    return door;
  }
}
