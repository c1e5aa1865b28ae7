import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { clusterStatus, hintsHeld, until } from '../harness/cluster-state.ts';
import { limitFiles, metricOf, untilReadiness } from '../harness/disk.ts';
import { failuresAfter } from '../harness/judge.ts';
import type { Scenario } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 120 }, (_, number) => `key-${number}`);
/** By the time it is set the journal is longer. */
const LIMIT_BYTES = 64 * 1024;
const FULL_MS = 8_000;

export const diskFull: Scenario = {
  name: 'disk-full',
  about:
    'a node cannot write another byte for eight seconds: it says so and reads on, others take hints; then it recovers by itself',
  cluster: { nodes: 5 },
  async run(context) {
    const { cluster } = context;
    const doors = [context.httpDoor(), await context.clientDoor()];
    context.load({ doors, keys: KEYS, ratePerSecond: 120, putShare: 0.7 });
    await sleep(6_000);
    const victim = cluster.node('n2');
    const others = cluster.nodes.filter(({ id }) => id !== victim.id);
    limitFiles(victim, LIMIT_BYTES);
    const fullMs = performance.now();
    context.tell('full');
    await untilReadiness(victim, 'is read-only', ({ storage }) => storage === 'readOnly');
    const noticedMs = performance.now() - fullMs;
    assert.equal(await metricOf(victim, 'ringfort_store_writable'), 0);
    // From now on not even its log has room.
    limitFiles(victim, 1);
    const tells = async () => (await clusterStatus(others[0]!)).nodes.find(({ id }) => id === victim.id);
    await until('the others know', tells, (node) => node?.storage === 'readOnly', 10_000);
    const local = context.recorded(context.httpDoor([victim]));
    for (const key of KEYS.slice(0, 20)) await local.get(key, {}, { r: 1 });
    await sleep(Math.max(0, fullMs + FULL_MS - performance.now()));
    const held = (await Promise.all(others.map(hintsHeld))).reduce((sum, count) => sum + count, 0);
    assert.ok(victim.running, 'it lives');
    limitFiles(victim, undefined);
    const roomMs = performance.now();
    context.tell(`there is room again; ${held} hints are held`);
    await untilReadiness(victim, 'serves', ({ storage }) => storage === 'serving');
    const recoveredMs = performance.now() - roomMs;
    await sleep(2_000);
    const { samples } = await context.settle();
    const failures = samples.filter(({ outcome }) => outcome !== 'ok');
    context.note({ noticedMs, recoveredMs, held, ...failuresAfter(failures, fullMs) });
    assert.ok(held > 20, `${held} hints were held for it`);
    assert.match(victim.logTail(1_000_000), /STORE_FULL/);
    context.expectBelow('failed requests', failures.length, 1, '');
  },
};
