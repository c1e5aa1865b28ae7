import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { hintsHeld, replicasOf } from '../harness/cluster-state.ts';
import { killUnderLoad, wasUnderWayAt } from '../harness/faults.ts';
import { tally } from '../harness/judge.ts';
import { slowestPerSecond } from '../harness/load.ts';
import type { Scenario } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 600 }, (_, number) => `key-${number}`);
const WARM_KEYS = Array.from({ length: 100 }, (_, number) => `warm-${number}`);
const WARM_PER_SECOND = 350;
const WARM_MS = 8_000;
const RATE_PER_SECOND = 500;
const DURATION_MS = 30_000;
const KILL_AT_MS = 10_000;
const RESTART_AT_MS = 20_000;
const P999_MS = 300;
/** Every request ends by its deadline of 2 s; the rest is what a busy machine makes of it. */
const ENDED_BY_MS = 2_500;

export const nodeKilled: Scenario = {
  name: 'node-killed-under-load',
  about: 'five nodes, 500 requests/s, one kill -9 and a restart after ten seconds',
  cluster: { nodes: 5 },
  timeoutMs: 115_000,
  async run(context) {
    const { cluster } = context;
    const doors = [context.httpDoor(), await context.clientDoor()];
    // A cluster that has served for a while, not one whose code was never run: the times of this are not judged.
    await context.warmUp({ doors, keys: WARM_KEYS, ratePerSecond: WARM_PER_SECOND, durationMs: WARM_MS });
    const load = context.load({ doors, keys: KEYS, ratePerSecond: RATE_PER_SECOND, durationMs: DURATION_MS });
    const victim = cluster.node('n3');
    await sleep(KILL_AT_MS);
    context.tell(`kill -9 ${victim.id}`);
    const death = await killUnderLoad(victim, load);
    context.excuse(death.atMs, death.noticedMs);
    await sleep(RESTART_AT_MS - KILL_AT_MS);
    const survivors = cluster.nodes.filter(({ id }) => id !== victim.id);
    const hintsAtRestart = (await Promise.all(survivors.map(hintsHeld))).reduce((sum, count) => sum + count, 0);
    context.tell(`restarting it; ${hintsAtRestart} hints are held for it`);
    await victim.restart();
    await load.sent;
    const { samples, figures, drainMs } = await context.settle();

    const failures = samples.filter(({ outcome }) => outcome !== 'ok');
    const outside = failures.filter((sample) => !wasUnderWayAt(sample, death));
    context.note({
      inFlightAtKill: death.inFlight.length,
      hintsAtRestart,
      drainMs,
      p50Ms: figures.p50Ms,
      p99Ms: figures.p99Ms,
      slowestMsPerSecond: slowestPerSecond(load.samples),
      failures: JSON.stringify(tally(failures.map(({ code }) => code ?? ''))),
    });
    assert.equal(samples.length, (DURATION_MS * RATE_PER_SECOND) / 1000);
    assert.ok(hintsAtRestart > 100, `${hintsAtRestart} hints were held during the outage`);
    context.expectBelow('failures that were not under way at the kill', outside.length, 1, '');
    for (const { key, trace } of failures.filter((sample) => wasUnderWayAt(sample, death))) {
      // In flight to the killed node itself: asked of it, or handed on to it as one of the key's owners.
      const { preferenceList } = await replicasOf(survivors[0]!, key);
      const asked = [trace.node, ...preferenceList.slice(0, 3)];
      context.expectBelow(
        `${key} failed though ${victim.id} had no part in it`,
        asked.includes(victim.id) ? 0 : 1,
        1,
        '',
      );
    }
    context.expectBelow('failures', failures.length, death.inFlight.length + 11, '');
    context.expectBelow('slowest request', figures.maxMs, ENDED_BY_MS);
    context.expectBelow('p99.9', figures.p999Ms, P999_MS);
  },
};
