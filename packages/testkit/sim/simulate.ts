import { type SeededRandom, seededRandom, type VirtualClock, virtualClock } from '../src/index.ts';
import { type BoundSample, checkBounds, SiblingBound, sampleBounds } from './bounds.ts';
import { BucketRules } from './bucket-rules.ts';
import { SimCluster } from './cluster.ts';
import { isCollected } from './collected.ts';
import { configureBucket } from './configure-bucket.ts';
import { Custody } from './custody.ts';
import { checkDerived } from './derived.ts';
import { Dots } from './dots.ts';
import { EventLog, type LogEntry } from './event-log.ts';
import { Nemeses } from './nemesis.ts';
import type { SimPlan } from './plan-shape.ts';
import {
  checkReplicas,
  finalValues,
  handoffSuffices,
  type ReplicaCopy,
  readableKeys,
  replicaCopies,
  rotLeft,
} from './replicas.ts';
import { Requests } from './requests.ts';
import { checkRings, Rings } from './rings.ts';
import { checkLiveness, checkRefusal, settle, until } from './settle.ts';
import { shareMachines } from './shared-machines.ts';
import { N, SimClient } from './sim-client.ts';
import { SimNetwork } from './sim-network.ts';
import { setTrap } from './trap.ts';
import type { BrokenInvariant } from './violations.ts';
import { readable, type StoreWatcher, watchers } from './watched-store.ts';
import { WireTap } from './wire-tap.ts';
import { type LoadBudget, runClient } from './workload.ts';

export interface SimResult {
  readonly plan: SimPlan;
  readonly broken: readonly BrokenInvariant[];
  readonly requests: number;
  readonly acknowledged: number;
  readonly indeterminate: number;
  readonly events: number;
  readonly virtualMs: number;
  /** SHA-256 of the event log. */
  readonly digest: string;
  /** The event log, when it was asked for. */
  readonly lines: readonly string[];
  /** The same by its parts, with the messages between processes. */
  readonly entries: readonly LogEntry[];
}

const START_MS = 1_700_000_000_000;
const FOUNDING_MS = 30_000;
const SAMPLE_EVERY_MS = 50;
const TAIL_MS = 5_000;

/** Runs one plan from its founding to the last check. The same plan gives the same events, byte for byte. */
export async function simulate(plan: SimPlan, options: { keepLines?: boolean } = {}): Promise<SimResult> {
  const keepLines = options.keepLines ?? false;
  const trap = setTrap(seededRandom(plan.seed ^ 0x5eed));
  const unshare = shareMachines();
  const { stackTraceLimit } = Error;
  // Requests fail by the hundred, and who reads a stack repeats the run with its lines.
  if (!keepLines) Error.stackTraceLimit = 0;
  try {
    const run = new Simulation(plan, keepLines);
    await run.play();
    return run.result(trap.sprung);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    unshare();
    trap.remove();
  }
}

class Simulation {
  readonly #plan: SimPlan;
  readonly #random: SeededRandom;
  readonly #clock: VirtualClock;
  readonly #log: EventLog;
  readonly #network: SimNetwork;
  readonly #dots: Dots;
  readonly #rules: BucketRules;
  readonly #custody = new Custody();
  readonly #requests = new Requests(this.#custody);
  readonly #cluster: SimCluster;
  readonly #judge: SimClient;
  readonly #broken: BrokenInvariant[] = [];
  readonly #samples: BoundSample[] = [];
  readonly #siblings: SiblingBound;
  readonly #rings = new Rings();

  constructor(plan: SimPlan, keepLines: boolean) {
    this.#plan = plan;
    this.#random = seededRandom(plan.seed).fork();
    this.#siblings = new SiblingBound(plan.maxSiblings);
    this.#clock = virtualClock({ startMs: START_MS, maxTimers: 20_000_000 });
    this.#log = new EventLog(this.#clock.monotonicMs, keepLines);
    this.#network = new SimNetwork(this.#clock, this.#random.fork(), this.#log);
    if (keepLines) this.#network.watcher = new WireTap((message) => this.#log.addMessage(message)).watch;
    const wallClocks = {
      now: this.#clock.now,
      offsetsMs: () => this.#cluster.nodes.flatMap(({ clock }) => clock?.wallOffsetMs ?? []),
    };
    this.#rules = new BucketRules(plan.workload.bucket, wallClocks, plan.collectMs > 0);
    this.#dots = new Dots(this.#log, this.#rules, this.#custody);
    const world = { clock: this.#clock, network: this.#network, log: this.#log };
    const clientWorld = { ...world, dots: this.#dots, rules: this.#rules, requests: this.#requests };
    const client = (id: string) => new SimClient(id, clientWorld, this.#random.fork());
    const clients = Array.from({ length: plan.workload.clients }, (_, index) => client(`c${index + 1}`));
    this.#judge = client('judge');
    const { partitions, durability, maxHintBytesPerTarget, maxInFlight, maxSiblings } = plan;
    const { antiEntropyMs, collectMs, courtesyMs, scrubMs } = plan;
    const seeds = Array.from({ length: plan.nodes }, (_, index) => `n${index + 1}`);
    const limits = { maxInFlight, maxSiblings };
    const rules: StoreWatcher = { objectSeen: (_node, id, object) => this.#rules.objectSeen(id, object) };
    const watcher = watchers([rules, this.#dots, this.#custody, this.#siblings]);
    const stored = { watcher, durability, maxHintBytesPerTarget };
    const nodeWorld = { ...world, ...stored, seeds, partitions, limits, antiEntropyMs, collectMs, courtesyMs, scrubMs };
    const random = this.#random.fork();
    const onFault = (error: unknown) => this.#crashed(error);
    this.#cluster = new SimCluster(plan, nodeWorld, { clients, dots: this.#dots, random, onFault });
  }

  async play(): Promise<void> {
    const { nodes } = this.#cluster;
    this.#log.add('run', JSON.stringify(this.#plan));
    for (const node of nodes) this.#cluster.start(node);
    const founded = () => nodes.every(({ life }) => life?.membership.state === 'member');
    if (!(await until({ clock: this.#clock }, FOUNDING_MS, founded))) {
      this.#broken.push({ invariant: 'L1', what: `the cluster was not founded within ${FOUNDING_MS} ms` });
      return;
    }
    if (!(await configureBucket(this.#clock, this.#cluster, this.#plan.workload.bucket))) {
      this.#broken.push({ invariant: 'L1', what: 'the bucket is not known everywhere' });
      return;
    }
    await this.#load();
    await this.#settle();
  }

  result(sprung: readonly string[]): SimResult {
    const { all } = this.#requests;
    const trapped = sprung.map((what): BrokenInvariant => ({ invariant: 'TRAP', what }));
    return {
      plan: this.#plan,
      broken: [...this.#broken, ...trapped],
      requests: all.length,
      acknowledged: all.filter(({ outcome }) => outcome === 'ok').length,
      indeterminate: all.filter(({ outcome }) => outcome === 'indeterminate').length,
      events: this.#log.count,
      virtualMs: this.#clock.monotonicMs(),
      digest: this.#log.digest(),
      lines: this.#log.lines,
      entries: this.#log.entries,
    };
  }

  /** Clients and faults at the same time, until either the requests or the time are used up. */
  async #load(): Promise<void> {
    const { loadMs, maxRequests, maxFaults, nemeses, strikes, links } = this.#plan;
    const world = { clock: this.#clock, network: this.#network, log: this.#log, cluster: this.#cluster };
    this.#network.faults.rates = links;
    const storm = new Nemeses({ ...world, random: this.#random.fork() }, nemeses, strikes, maxFaults);
    const budget: LoadBudget = { left: maxRequests, over: false };
    let busy = this.#cluster.clients.length;
    for (const client of this.#cluster.clients) {
      runClient(client, this.#plan, budget, this.#random.fork())
        .catch((error: unknown) => this.#crashed(error))
        .finally(() => {
          busy -= 1;
        });
    }
    const endMs = this.#clock.monotonicMs() + loadMs;
    while (this.#clock.monotonicMs() < endMs && busy > 0) {
      await this.#clock.advanceAsync(SAMPLE_EVERY_MS);
      this.#sample();
    }
    this.#log.add('run', 'the faults end');
    budget.over = true;
    storm.stop();
    this.#heal();
    await until(world, Math.max(...this.#plan.workload.timeoutsMs) * 3 + TAIL_MS, () => busy === 0);
    this.#broken.push(...this.#requests.checkEndings(this.#clock.monotonicMs()));
  }

  #heal(): void {
    this.#network.faults.heal();
    for (const client of this.#cluster.clients) client.transport.reconnect();
    for (const node of this.#cluster.nodes) {
      node.disk.times = { syncMs: 0.3, spreadMs: 0.4 };
      node.transport?.reconnect();
      node.clock?.slow(0);
      node.clock?.resume();
      if (node.stopping) this.#cluster.crash(node, true, 'kept');
      if (!node.running) this.#cluster.start(node);
    }
  }

  async #settle(): Promise<void> {
    const world = { plan: this.#plan, clock: this.#clock, network: this.#network, log: this.#log };
    const settleWorld = { ...world, cluster: this.#cluster, random: this.#random };
    let connected = false;
    void this.#judge.connect().then(() => {
      connected = true;
    });
    await until(world, TAIL_MS, () => connected);
    const aftermath = await settle(settleWorld, this.#judge, {
      isCollected: () => isCollected(this.#cluster, this.#cluster.ids),
      rotIsLeft: () => rotLeft(this.#cluster),
      areEqual: () => checkReplicas(this.#unspoiledCopies(), '').length === 0,
      beforeReading: () => this.#checkUnread(),
      beforeWriting: () => this.#checkReplicas(),
    });
    this.#broken.push(...checkLiveness(aftermath), ...checkRefusal(aftermath));
    this.#broken.push(...checkDerived(this.#cluster, this.#plan.partitions));
    this.#lookAtRings();
    const members = this.#cluster.members.map(({ id }) => id);
    this.#broken.push(...checkRings(this.#rings.views, this.#rings.latest(members)), ...this.#siblings.broken);
    const late = this.#requests.checkEndings(this.#clock.monotonicMs());
    this.#broken.push(...late.filter(({ what }) => what.startsWith('judge')));
    this.#broken.push(
      ...this.#dots.broken,
      ...this.#rules.broken,
      ...this.#requests.broken,
      ...checkBounds(this.#samples),
    );
  }

  #lookAtRings(): void {
    for (const { id, life } of this.#cluster.nodes) if (life !== undefined) this.#rings.look(id, life.membership.ring);
  }

  #unspoiledCopies(): ReplicaCopy[] {
    return readableKeys(replicaCopies(this.#cluster, this.#cluster.ids, N));
  }

  #checkUnread(): void {
    if (this.#plan.antiEntropyMs > 0)
      this.#broken.push(...checkReplicas(this.#unspoiledCopies(), 'although compared, before anybody reads'));
    else if (handoffSuffices(this.#plan))
      this.#broken.push(
        ...checkReplicas(this.#unspoiledCopies(), 'once all hints are delivered, before anybody reads'),
      );
  }

  #checkReplicas(): void {
    for (const { life } of this.#cluster.nodes)
      if (life !== undefined) this.#rules.noteFinal(readable(life.store), this.#cluster.ids);
    const copies = replicaCopies(this.#cluster, this.#cluster.ids, N);
    this.#broken.push(...checkReplicas(copies, 'after healing and a read'));
    const final = finalValues(copies);
    this.#broken.push(...this.#requests.checkWrites(final, this.#dots));
  }

  /** Only what exceeds its bound is kept. */
  #sample(): void {
    this.#lookAtRings();
    for (const { id, life } of this.#cluster.nodes) {
      if (life === undefined) continue;
      this.#samples.push(
        ...sampleBounds(id, life, this.#plan)
          .filter(({ value, bound }) => value > bound)
          .slice(0, 1),
      );
    }
  }

  #crashed(error: unknown): void {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#broken.push({ invariant: 'CRASH', what });
    this.#log.add('run', `crash: ${what.split('\n')[0]}`);
  }
}
