import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { sees } from '../harness/cluster-state.ts';
import { failuresAfter } from '../harness/judge.ts';
import { figuresOf } from '../harness/load.ts';
import type { Scenario } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 300 }, (_, number) => `key-${number}`);
const PAUSE_MS = 15_000;
/** What a request that went to a hung node may wait: its deadline, and a tick of the wheel that keeps it, and of the one that watches. */
const ENDED_BY_MS = 2_000 + 100;
/** A hung node is found out by the first request that waits for it: within the client's hedge (250 ms), by all within a few of those. */
const FOUND_OUT_MS = 1_000;

export const nodePaused: Scenario = {
  name: 'node-paused',
  about: 'SIGSTOP for 15 s is hung, not dead: requests go round it, its late answers do no harm',
  cluster: { nodes: 5 },
  async run(context) {
    const { cluster } = context;
    const paused = cluster.node('n2');
    const others = cluster.nodes.filter(({ id }) => id !== paused.id);
    // A load balancer's health check takes a hung node out of its list: what is judged here is how the rest of the cluster goes round it.
    const doors = [context.httpDoor(others), await context.clientDoor()];
    context.load({ doors, keys: KEYS, ratePerSecond: 200 });
    await sleep(2_000);
    context.tell(`SIGSTOP ${paused.id}`);
    const pausedMs = performance.now();
    paused.kill('SIGSTOP');
    await sleep(PAUSE_MS);
    context.tell('SIGCONT');
    const contMs = performance.now();
    paused.kill('SIGCONT');
    await sees(others[0]!, [paused.id], ['up']);
    await sleep(2_000);
    const { samples, figures, drainMs } = await context.settle();
    const failures = samples.filter(({ outcome }) => outcome !== 'ok');
    const late = failures.filter(
      ({ intendedMs }) => intendedMs < pausedMs - ENDED_BY_MS || intendedMs > pausedMs + FOUND_OUT_MS,
    );
    const settled = samples.filter(({ intendedMs }) => intendedMs > pausedMs + FOUND_OUT_MS && intendedMs < contMs);
    const { p99Ms } = figuresOf(settled);
    context.note({ p99WhilePausedMs: p99Ms, drainMs, ...failuresAfter(failures, pausedMs) });
    assert.ok(paused.running, 'it runs again');
    context.expectBelow('failures other than of writes sent to it before it was found out', late.length, 1, '');
    // A read is asked again elsewhere.
    context.expectBelow('failed reads', failures.filter(({ kind }) => kind === 'get').length, 1, '');
    context.expectBelow('slowest request', figures.maxMs, ENDED_BY_MS);
    context.expectBelow('p99 while it was paused', p99Ms, 300);
  },
};
