import { connect } from 'node:net';
import {
  checkHistory,
  forEachOf,
  hintsDrained,
  isReady,
  residentMb,
} from '../../../apps/node/scenarios/harness/cluster-state.ts';
import { clientDoor, httpDoor } from '../../../apps/node/scenarios/harness/doors.ts';
import { startLoad } from '../../../apps/node/scenarios/harness/load.ts';
import { RawNats } from '../../../apps/node/scenarios/harness/raw-nats.ts';
import { type SeededRandom, seededRandom, type TestCluster, withTestCluster } from '../src/index.ts';
import { drawBusInput, PREFIX, REPLIES, reasonToKeep } from './bus-inputs.ts';
import { BusJudge } from './bus-judge.ts';
import type { Problem } from './edge.ts';
import { converse, drawHttpInput, judgeAnswers, reasonToKeepHttp } from './http-edge.ts';
import { halves } from './runner.ts';
import { evil, guardedBucket, guardedKeys } from './samples.ts';

const SLICES = 16;
/** Of all inputs, those over HTTP; the others go over NATS. */
const HTTP_SHARE = 0.25;
const FLUSH_EVERY = 100;
const ANSWER_MS = 10_000;
const POLL_MS = 10;
const GUARD_MS = 20_000;
const LOAD_PER_SECOND = 30;
/** How much more a process may hold in the second half of the run than in the first, in MB of resident memory. */
const GROWTH_MB = 40;

export interface RealReport {
  readonly frames: number;
  readonly connections: number;
  readonly requests: number;
  readonly answers: ReadonlyMap<string, number>;
  /** Resident memory of each node, in MB: medians of the first and the second half. */
  readonly residentMb: readonly (readonly [number, number])[];
  readonly problems: readonly string[];
}

/** The same inputs at three real nodes behind a real nats-server, while a workload reads and writes, whose answers must stay right. */
export function runReal(options: { seed: number; count: number; binary: string }): Promise<RealReport> {
  const { seed, count, binary } = options;
  return withTestCluster({ nodes: 3, binary }, async (cluster) => {
    const random = seededRandom(seed);
    const doors = [httpDoor(cluster.nodes), await clientDoor(cluster.natsUrls)];
    const before = await guard(cluster);
    const keys = Array.from({ length: 60 }, (_, number) => `key-${number}`);
    const load = startLoad({ doors, keys, ratePerSecond: LOAD_PER_SECOND, random: random.fork() });
    const attack = await Attack.begin(cluster, random);
    const weights: number[][] = [];
    for (let slice = 0; slice < SLICES; slice += 1) {
      await attack.slice(Math.ceil(count / SLICES));
      weights.push(cluster.nodes.map(({ pid }) => residentMb(pid)));
    }
    const samples = await load.finish();
    await hintsDrained(cluster.nodes);
    const { violations } = await checkHistory(load.history, doors[1]!);
    const after = await stateOf(cluster);
    const residentHalves = cluster.nodes.map((_, node) => halves(weights.map((weight) => weight[node]!)));
    await Promise.all(doors.map((door) => door.close()));
    const problems = [
      ...attack.problems.map(({ what }) => what),
      ...violations.map((violation) => `the workload's history: ${JSON.stringify(violation)}`),
      ...samples
        .filter(({ outcome }) => outcome !== 'ok')
        .map(({ via, kind, code }) => `the workload: ${via} ${kind} ${code}`),
      ...before.filter((line, place) => line !== after[place]).map((line, place) => `${line} is now ${after[place]}`),
      ...(await Promise.all(cluster.nodes.map(isReady))).flatMap((ready, node) =>
        ready ? [] : [`n${node + 1} is not ready`],
      ),
      ...residentHalves.flatMap(([first, second], node) =>
        second - first > GROWTH_MB ? [`n${node + 1} grows by ${second - first} MB`] : [],
      ),
    ];
    attack.end();
    const { frames, connections, answers } = attack;
    return { frames, connections, requests: samples.length, answers, residentMb: residentHalves, problems };
  });
}

class Attack {
  frames = 0;
  connections = 0;
  readonly problems: Problem[] = [];
  readonly #cluster: TestCluster;
  readonly #random: SeededRandom;
  readonly #judge: BusJudge;
  readonly #nats: RawNats;

  private constructor(cluster: TestCluster, random: SeededRandom, judge: BusJudge, nats: RawNats) {
    this.#cluster = cluster;
    this.#random = random;
    this.#judge = judge;
    this.#nats = nats;
  }

  static async begin(cluster: TestCluster, random: SeededRandom): Promise<Attack> {
    const judge = new BusJudge();
    const nats = await RawNats.connect(cluster.natsUrls[0]!, ({ payload }) => judge.answered(payload));
    nats.subscribe(`${PREFIX}${evil}.>`);
    await nats.flush();
    return new Attack(cluster, random, judge, nats);
  }

  get answers(): ReadonlyMap<string, number> {
    return this.#judge.answers;
  }

  /** Feeds so many inputs, and waits until all is answered. */
  async slice(count: number): Promise<void> {
    const connections = Array.from({ length: Math.ceil(count * HTTP_SHARE) }, () => drawHttpInput(this.#random));
    const frames = count - connections.length;
    await Promise.all([this.#publish(frames), forEachOf(connections, (input) => this.#connect(input.parts))]);
    const lateMs = performance.now() + ANSWER_MS;
    while (this.#judge.open > 0 && performance.now() < lateMs)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    this.problems.push(...this.#judge.end());
  }

  end(): void {
    this.#nats.close();
  }

  async #publish(count: number): Promise<void> {
    for (let sent = 0; sent < count; sent += 1) {
      this.frames += 1;
      const input = drawBusInput(this.#random);
      if (reasonToKeep(input) !== undefined) continue;
      this.#judge.asks(input, this.frames);
      for (const part of input.parts) this.#nats.publish(PREFIX + input.to, part, `${REPLIES}.1`);
      if (sent % FLUSH_EVERY === 0) await this.#nats.flush();
    }
    await this.#nats.flush();
  }

  async #connect(parts: readonly Buffer[]): Promise<void> {
    this.connections += 1;
    if (reasonToKeepHttp(parts) !== undefined) return;
    const { hostname, port } = new URL(this.#cluster.nodes[this.connections % 3]!.url);
    const socket = connect(Number(port), hostname);
    const bytes = await converse(socket, undefined, parts, false);
    try {
      judgeAnswers(bytes);
    } catch (error) {
      const hex = Buffer.concat(parts).toString('hex', 0, 4_096);
      this.problems.push({ index: undefined, what: `${(error as Error).message}\n  asked: ${hex}` });
    }
  }
}

/** Writes the guarded keys, and tells how the cluster is then. */
async function guard(cluster: TestCluster): Promise<string[]> {
  for (const key of guardedKeys) {
    const url = `${cluster.nodes[0]!.url}/v1/buckets/${guardedBucket}/keys/${key}?w=all&timeoutMs=${GUARD_MS}`;
    const { status } = await fetch(url, { method: 'PUT', body: key });
    if (status !== 204) throw new Error(`${key} was not written: ${status}`);
  }
  return stateOf(cluster);
}

/** A line for each guarded key and for each node's ring. */
async function stateOf(cluster: TestCluster): Promise<string[]> {
  const lines: string[] = [];
  for (const key of guardedKeys) {
    const answer = await fetch(`${cluster.nodes[0]!.url}/v1/buckets/${guardedBucket}/keys/${key}/replicas`);
    lines.push(`${key}: ${await answer.text()}`);
  }
  for (const node of cluster.nodes) {
    const status = (await (await fetch(`${node.url}/v1/cluster`)).json()) as {
      ringVersion: object;
      nodes: { id: string; status: string }[];
    };
    lines.push(
      `${node.id}: ${JSON.stringify(status.ringVersion)} ${status.nodes.map(({ id, status: now }) => `${id} ${now}`)}`,
    );
  }
  return lines;
}
