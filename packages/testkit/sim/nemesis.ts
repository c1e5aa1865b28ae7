import type { SeededRandom, VirtualClock } from '../src/index.ts';
import type { SimCluster } from './cluster.ts';
import type { EventLog } from './event-log.ts';
import type { NemesisKind, NemesisPlan } from './plan.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimNode } from './sim-node.ts';

export interface NemesisWorld {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly log: EventLog;
  readonly cluster: SimCluster;
  readonly random: SeededRandom;
}

/** Ends a fault that lasts; undefined: it was over at once. */
type Mend = (() => void) | undefined;

const HOUR_MS = 3_600_000;

/** Lets faults begin and end as planned until it is told to stop; then mends all. */
export class Nemeses {
  readonly #world: NemesisWorld;
  readonly #mends = new Set<() => void>();
  #over = false;

  constructor(world: NemesisWorld, plans: readonly NemesisPlan[]) {
    this.#world = world;
    for (const plan of plans) this.#next(plan);
  }

  /** All that lasts ends now, in the order in which it began; nothing begins any more. */
  stop(): void {
    this.#over = true;
    for (const mend of this.#mends) mend();
    this.#mends.clear();
  }

  #next(plan: NemesisPlan): void {
    this.#after(plan.everyMs, () => {
      if (this.#over) return;
      this.#strike(plan);
      this.#next(plan);
    });
  }

  #strike({ kind, forMs }: NemesisPlan): void {
    const mend = this.#faults[kind]();
    if (mend === undefined) return;
    this.#mends.add(mend);
    this.#after(forMs, () => {
      if (this.#mends.delete(mend)) mend();
    });
  }

  #after(meanMs: number, fn: () => void): void {
    const { clock, random } = this.#world;
    clock.setTimeout(fn, -Math.log(1 - random.float()) * meanMs);
  }

  readonly #faults: Readonly<Record<NemesisKind, () => Mend>> = {
    cut: () => this.#cut(...this.#twoEnds(), true),
    cutOneWay: () => this.#cut(...this.#twoEnds(), false),
    split: () => this.#split(),
    disconnect: () => this.#disconnect(),
    crash: () => this.#crash('kept'),
    powerLoss: () => this.#crash('power lost'),
    blackout: () => this.#blackout(),
    lostTail: () => this.#crash('tail lost'),
    wipe: () => this.#wipe(),
    restart: () => this.#restart(),
    pause: () => this.#pause(),
    slow: () => this.#slow(),
    clockJump: () => this.#jump(),
    slowDisk: () => this.#slowDisk(),
  };

  #say(who: string, what: string): void {
    this.#world.log.add('nemesis', `${who} ${what}`);
  }

  #twoEnds(): [string, string] {
    const [a, b] = this.#world.random.shuffle(this.#world.cluster.ends);
    return [a!, b!];
  }

  #cut(a: string, b: string, bothWays: boolean): Mend {
    const { faults } = this.#world.network;
    this.#say(a, `${bothWays ? 'and' : 'can not reach'} ${b}${bothWays ? ' are cut off from each other' : ''}`);
    faults.cutOneWay(a, b);
    if (bothWays) faults.cutOneWay(b, a);
    return () => {
      this.#say(a, `and ${b} are mended`);
      faults.mendOneWay(a, b);
      if (bothWays) faults.mendOneWay(b, a);
    };
  }

  #split(): Mend {
    const { random, cluster, network } = this.#world;
    const ends = random.shuffle(cluster.ends);
    const at = 1 + random.below(ends.length - 1);
    const [left, right] = [ends.slice(0, at), ends.slice(at)];
    const pairs = left.flatMap((a) => right.flatMap((b) => [[a, b] as const, [b, a] as const]));
    this.#say(left.join(' '), `are split from ${right.join(' ')}`);
    for (const [a, b] of pairs) network.faults.cutOneWay(a, b);
    return () => {
      this.#say(left.join(' '), `and ${right.join(' ')} are mended`);
      for (const [a, b] of pairs) network.faults.mendOneWay(a, b);
    };
  }

  #disconnect(): Mend {
    const { random, cluster } = this.#world;
    const transports = [...cluster.nodes, ...cluster.clients].flatMap(({ transport }) => transport ?? []);
    if (transports.length === 0) return undefined;
    const transport = random.pick(transports);
    if (transport.status !== 'connected') return undefined;
    this.#say(transport.self, 'is disconnected');
    transport.disconnect();
    return () => {
      this.#say(transport.self, 'is connected again');
      transport.reconnect();
    };
  }

  #crash(fate: 'kept' | 'power lost' | 'tail lost'): Mend {
    const node = this.#anyRunning();
    if (node === undefined) return undefined;
    const noticed = this.#world.random.chance(0.5);
    const { transport } = node;
    this.#world.cluster.crash(node, noticed, fate);
    return () => {
      transport?.vanish();
      if (!node.running) this.#world.cluster.start(node);
    };
  }

  /** The power of the whole cluster fails; the nodes come back together. */
  #blackout(): Mend {
    const { cluster } = this.#world;
    const nodes = cluster.running;
    this.#say('all nodes', 'lose power');
    for (const node of nodes) cluster.crash(node, true, 'power lost');
    return () => {
      for (const node of nodes) if (!node.running) cluster.start(node);
    };
  }

  /** One disk at most: with two, the last copy of a value may be gone without any fault of the store. */
  #wipe(): Mend {
    const { cluster } = this.#world;
    const node = this.#anyRunning();
    if (node === undefined || cluster.wiped.size > 0) return undefined;
    this.#say(node.id, 'gets an empty disk');
    cluster.crash(node, true, 'replaced');
    return () => {
      if (!node.running) cluster.start(node);
    };
  }

  #restart(): Mend {
    const { cluster } = this.#world;
    const node = this.#anyRunning();
    if (node?.life === undefined || node.stopping) return undefined;
    cluster.stop(node);
    return () => {
      if (node.stopping) cluster.crash(node, true, 'kept');
      if (!node.running) cluster.start(node);
    };
  }

  #pause(): Mend {
    const node = this.#anyRunning();
    const clock = node?.clock;
    if (node === undefined || clock === undefined) return undefined;
    this.#say(node.id, 'is paused');
    clock.pause();
    return () => {
      this.#say(node.id, 'goes on');
      clock.resume();
    };
  }

  #slow(): Mend {
    const node = this.#anyRunning();
    const clock = node?.clock;
    if (node === undefined || clock === undefined) return undefined;
    const maxMs = this.#world.random.pick([5, 50, 400]);
    this.#say(node.id, `is up to ${maxMs} ms late`);
    clock.slow(maxMs);
    return () => {
      this.#say(node.id, 'is in time again');
      clock.slow(0);
    };
  }

  #jump(): Mend {
    const node = this.#anyRunning();
    if (node?.clock === undefined) return undefined;
    const { random } = this.#world;
    const ms = random.pick([-HOUR_MS, -1_000, 1_000, HOUR_MS]);
    this.#say(node.id, `sets its clock by ${ms} ms`);
    node.clock.jump(ms);
    return undefined;
  }

  #slowDisk(): Mend {
    const node = this.#anyRunning();
    if (node === undefined) return undefined;
    const { disk } = node;
    const before = disk.times;
    const syncMs = this.#world.random.pick([5, 50, 500]);
    this.#say(node.id, `flushes in ${syncMs} ms`);
    disk.times = { syncMs, spreadMs: syncMs };
    return () => {
      this.#say(node.id, 'flushes fast again');
      disk.times = before;
    };
  }

  #anyRunning(): SimNode | undefined {
    const { random, cluster } = this.#world;
    const { running } = cluster;
    return running.length === 0 ? undefined : random.pick(running);
  }
}
