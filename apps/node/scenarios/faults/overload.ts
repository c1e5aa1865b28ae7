import assert from 'node:assert/strict';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Door } from '../harness/doors.ts';
import { tally } from '../harness/judge.ts';
import { figuresOf, type Sample } from '../harness/load.ts';
import type { ClusterWanted, Scenario, ScenarioContext } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 1_000 }, (_, number) => `key-${number}`);
const WARM_KEYS = Array.from({ length: 200 }, (_, number) => `warm-${number}`);
const MEASURED_MS = 4_000;
/** What this one process can send. */
const MAX_RATE_PER_SECOND = 5_000;
const OVERLOAD_MS = 8_000;
const RECOVERY_MS = 5_000;
/** A request that was under way when the overload ended may need its deadline. */
const SETTLED_MS = 2_000;
const REFUSED_MS = 20;

/** Connections that are kept to each node: a node accepts one per turn of its event loop, and new ones would wait rather than be refused. */
const POOLED = 64;

interface Bottleneck {
  readonly name: string;
  readonly about: string;
  readonly cluster: ClusterWanted;
  /** Clients that wait for each answer, as many as the cluster can serve at a time: what they get done is its capacity. */
  readonly workers: number;
  /** Offered, of the capacity. */
  readonly times: number;
  readonly narrow: (context: ScenarioContext) => void;
  readonly widen: (context: ScenarioContext) => void;
}

async function readAndWrite(door: Door, key: string, value: string): Promise<void> {
  const { context } = await door.get(key);
  await door.put(key, value, context);
}

/** Successful requests per second of clients that wait for each answer. */
async function capacity(context: ScenarioContext, doors: readonly Door[], workers: number): Promise<number> {
  const recorded = doors.map((door) => context.recorded(door));
  const endMs = performance.now() + MEASURED_MS;
  let done = 0;
  const work = async (worker: number) => {
    const door = recorded[worker % recorded.length]!;
    for (let number = 0; performance.now() < endMs; number += 1) {
      // Now and then the clients meet at one node, which refuses: they go on.
      await readAndWrite(door, context.random.pick(KEYS), `c${worker}-${number}`).then(
        () => {
          done += 2;
        },
        () => sleep(REFUSED_MS),
      );
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return (1_000 * done) / MEASURED_MS;
}

/** Requests that were served in time, per second. */
function servedPerSecond(samples: readonly Sample[], fromMs: number, untilMs: number): number {
  const served = samples.filter(({ outcome, endMs }) => outcome === 'ok' && endMs! >= fromMs && endMs! < untilMs);
  return (1_000 * served.length) / (untilMs - fromMs);
}

function overloaded({ name, about, cluster, workers, times, narrow, widen }: Bottleneck): Scenario {
  return {
    name,
    about,
    cluster,
    async run(context) {
      const doors = [context.httpDoor(context.cluster.nodes, POOLED), await context.clientDoor()];
      await context.warmUp({ doors, keys: WARM_KEYS, ratePerSecond: 150, durationMs: 6_000 });
      narrow(context);
      context.tell('measuring capacity');
      const perSecond = await capacity(context, doors, workers);
      const ratePerSecond = Math.min(MAX_RATE_PER_SECOND, Math.round(times * perSecond));
      context.tell(`capacity ${Math.round(perSecond)}/s; ${ratePerSecond}/s are sent now`);
      const beginMs = performance.now();
      const storm = context.load({ name: 'o', doors, keys: KEYS, ratePerSecond, durationMs: OVERLOAD_MS });
      await storm.sent;
      const calmMs = performance.now();
      context.tell('calm');
      const calm = context.load({
        name: 'r',
        doors,
        keys: KEYS,
        ratePerSecond: perSecond / 4,
        durationMs: RECOVERY_MS,
      });
      await sleep(RECOVERY_MS);
      await Promise.all([storm, calm].map((load) => load.finish()));
      widen(context);
      await context.settle();

      const failures = storm.samples.filter(({ outcome }) => outcome !== 'ok');
      const refused = failures.filter(({ code }) => code === 'OVERLOADED');
      const served = servedPerSecond(storm.samples, beginMs, calmMs);
      const after = calm.samples.filter(({ intendedMs }) => intendedMs > calmMs + SETTLED_MS);
      const failedAfter = after.filter(({ outcome }) => outcome !== 'ok');
      context.note({
        capacityPerSecond: perSecond,
        offeredPerSecond: (1_000 * storm.samples.length) / (calmMs - beginMs),
        servedPerSecond: served,
        refused: refused.length,
        codes: JSON.stringify(tally(failures.map(({ via, kind, code }) => `${via} ${kind} ${code}`))),
        p50Ms: figuresOf(storm.samples).p50Ms,
        p99OfServedMs: figuresOf(storm.samples.filter(({ outcome }) => outcome === 'ok')).p99Ms,
        p99AfterwardsMs: figuresOf(after).p99Ms,
        failedAfterwards: failedAfter.length,
      });
      assert.ok(
        context.cluster.nodes.every(({ running }) => running),
        'every node runs',
      );
      assert.ok(refused.length > 0, 'requests were refused by name');
      context.expectBelow('capacity lost under overload, in percent', 100 - (100 * served) / perSecond, 40, '');
      context.expectBelow(
        'other failures, in percent',
        (100 * (failures.length - refused.length)) / storm.samples.length,
        5,
        '',
      );
      context.expectBelow('failures once calm', failedAfter.length, 1, '');
      context.expectBelow('p99 once calm', figuresOf(after).p99Ms, 500);
    },
  };
}

export const overload = overloaded({
  name: 'overload',
  about:
    'five times as many requests as the nodes may have under way: refused by name, served near capacity, calm at once',
  cluster: { nodes: 5, natsServers: 3, servers: 'own', flags: ['--max-in-flight', '16'] },
  workers: 32,
  times: 5,
  // Time on the way, not the processor, is what limits: the same on every machine.
  narrow: ({ routes }) => {
    for (const link of routes.all) link.set({ delayMs: 40 });
  },
  widen: ({ routes }) => routes.heal(),
});

const LOWEST_PRIORITY = 19;

function setPriorities({ cluster }: ScenarioContext, priority: number): void {
  for (const { pid } of [...cluster.nodes, ...cluster.nats!.servers]) setPriority(pid, priority);
}

export const overloadCpu = overloaded({
  name: 'overload-cpu',
  about: 'twice as many requests as the processor can serve, the clients coming first',
  cluster: { nodes: 5 },
  workers: 64,
  // The clients' share of the processor grows with what they offer: at five times there would be none left even for refusals.
  times: 2,
  narrow: (context) => setPriorities(context, LOWEST_PRIORITY),
  widen: () => undefined, // only root may raise a priority again
});
