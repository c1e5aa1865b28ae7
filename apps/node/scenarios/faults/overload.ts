import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Door } from '../harness/doors.ts';
import { tally } from '../harness/judge.ts';
import { figuresOf, type Sample } from '../harness/load.ts';
import type { Scenario, ScenarioContext } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 1_000 }, (_, number) => `key-${number}`);
const WORKERS = 48;
const MEASURED_MS = 4_000;
const TIMES_CAPACITY = 5;
/** What this one process can send. */
const MAX_RATE_PER_SECOND = 8_000;
const OVERLOAD_MS = 8_000;
const RECOVERY_MS = 5_000;
/** A request that was under way when the overload ended may need its deadline. */
const SETTLED_MS = 2_000;

/** Successful requests per second of clients that wait for each answer. */
async function capacity(context: ScenarioContext, doors: readonly Door[]): Promise<number> {
  const recorded = doors.map((door) => context.recorded(door));
  const endMs = performance.now() + MEASURED_MS;
  let done = 0;
  const work = async (worker: number) => {
    const door = recorded[worker % recorded.length]!;
    for (let number = 0; performance.now() < endMs; number += 1) {
      const key = context.random.pick(KEYS);
      const ok =
        number % 2 === 0
          ? await door.put(key, `c${worker}-${number}`, (await door.get(key)).context).then(() => 2)
          : await door.get(key).then(() => 1);
      done += ok;
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)));
  return (1_000 * done) / MEASURED_MS;
}

const perSecond = (samples: readonly Sample[], ms: number) =>
  (1_000 * samples.filter(({ outcome }) => outcome === 'ok').length) / ms;

export const overload: Scenario = {
  name: 'overload',
  about: 'five times as many requests as the cluster can serve: it refuses by name, serves on, and recovers at once',
  cluster: { nodes: 5 },
  async run(context) {
    const doors = [context.httpDoor(context.cluster.nodes, 2_000), await context.clientDoor()];
    await context.warmUp({ doors, keys: KEYS, ratePerSecond: 150, durationMs: 5_000 });
    context.tell('measuring capacity');
    const capacityPerSecond = await capacity(context, doors);
    const ratePerSecond = Math.min(MAX_RATE_PER_SECOND, Math.round(TIMES_CAPACITY * capacityPerSecond));
    context.tell(`capacity ${Math.round(capacityPerSecond)}/s; ${ratePerSecond}/s are sent now`);
    const load = context.load({ name: 'o', doors, keys: KEYS, ratePerSecond, durationMs: OVERLOAD_MS });
    await load.sent;
    const calmMs = performance.now();
    context.tell('calm');
    const calm = context.load({
      name: 'r',
      doors,
      keys: KEYS,
      ratePerSecond: capacityPerSecond / 4,
      durationMs: RECOVERY_MS,
    });
    await sleep(RECOVERY_MS);
    await context.settle();

    const failures = load.samples.filter(({ outcome }) => outcome !== 'ok');
    const refused = failures.filter(({ code }) => code === 'OVERLOADED');
    const servedPerSecond = perSecond(load.samples, OVERLOAD_MS);
    const after = calm.samples.filter(({ intendedMs }) => intendedMs > calmMs + SETTLED_MS);
    const failedAfter = after.filter(({ outcome }) => outcome !== 'ok');
    context.note({
      capacityPerSecond,
      offeredPerSecond: (1_000 * load.samples.length) / OVERLOAD_MS,
      servedPerSecond,
      refused: refused.length,
      codes: JSON.stringify(tally(failures.map(({ via, kind, code }) => `${via} ${kind} ${code}`))),
      p50Ms: figuresOf(load.samples).p50Ms,
      p99OfServedMs: figuresOf(load.samples.filter(({ outcome }) => outcome === 'ok')).p99Ms,
      p99AfterwardsMs: figuresOf(after).p99Ms,
      failedAfterwards: failedAfter.length,
    });
    assert.ok(
      context.cluster.nodes.every(({ running }) => running),
      'every node runs',
    );
    context.expectBelow(
      'capacity that is lost under overload, in percent',
      100 - (100 * servedPerSecond) / capacityPerSecond,
      50,
      '',
    );
    context.expectBelow('failures of which none is a refusal by name', refused.length > 0 ? 0 : failures.length, 1, '');
    context.expectBelow('failures once calm', failedAfter.length, 1, '');
    context.expectBelow('p99 once calm', figuresOf(after).p99Ms, 300);
  },
};
