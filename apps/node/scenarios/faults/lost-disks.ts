import assert from 'node:assert/strict';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isReady, until } from '../harness/cluster-state.ts';
import { metricOf, readAll, stopCleanly, untilReadiness } from '../harness/disk.ts';
import { killUnderLoad, wasUnderWayAt } from '../harness/faults.ts';
import { tally } from '../harness/judge.ts';
import type { Scenario } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 120 }, (_, number) => `key-${number}`);
const RATE_PER_SECOND = 100;

export const wipedNode: Scenario = {
  name: 'wiped-node',
  about:
    'a node comes back without its data: it is filled by the others, unread, under load; its old directory is refused by name',
  cluster: { nodes: 5 },
  async run(context) {
    const { cluster } = context;
    const victim = cluster.node('n2');
    const others = cluster.nodes.filter(({ id }) => id !== victim.id);
    const doors = [context.httpDoor(others), await context.clientDoor()];
    const load = context.load({ doors, keys: KEYS, ratePerSecond: RATE_PER_SECOND });
    await sleep(4_000);
    const death = await killUnderLoad(victim, load);
    context.excuse(death.atMs, death.noticedMs);
    const [lost, filled] = [`${victim.dataDir}.lost`, `${victim.dataDir}.filled`];
    await rename(victim.dataDir, lost);
    await mkdir(victim.dataDir);
    const startedMs = performance.now();
    await victim.start();
    await victim.waitReady();
    const memberMs = performance.now() - startedMs;
    await until(
      'it is filled',
      () => metricOf(victim, 'ringfort_unfilled_partitions'),
      (left) => left === 0,
      30_000,
    );
    const filledMs = performance.now() - startedMs;
    const records = await metricOf(victim, 'ringfort_records');
    await load.finish();
    for (const node of others) assert.equal(await isReady(node), true, `${node.id} serves`);
    const { samples } = await context.settle();
    await stopCleanly(victim);
    await rename(victim.dataDir, filled);
    await rename(lost, victim.dataDir);
    await victim.start();
    await untilReadiness(victim, 'is refused', ({ detail }) => /STORE_REPLACED/.test(detail ?? ''));
    await stopCleanly(victim);
    await rm(victim.dataDir, { recursive: true });
    await rename(filled, victim.dataDir);
    await victim.start();
    await victim.waitReady();
    assert.equal(await metricOf(victim, 'ringfort_unfilled_partitions'), 0, 'it stays filled');
    // All that was acknowledged is there.
    await readAll(context, doors[0]!);
    const outside = samples.filter((one) => one.outcome !== 'ok' && !wasUnderWayAt(one, death));
    context.note({
      memberMs,
      filledMs,
      records,
      failures: JSON.stringify(tally(outside.map(({ code }) => code ?? ''))),
    });
    assert.ok(records > KEYS.length / 3, `${records} records came back`);
    context.expectBelow('failures that were not under way at the kill', outside.length, 1, '');
  },
};

export const rollback: Scenario = {
  name: 'rollback',
  about:
    'a node goes on with a copy of its directory from before, a clean stop’s: no dot is given twice, nothing is lost',
  cluster: { nodes: 5 },
  async run(context) {
    const { cluster } = context;
    const victim = cluster.node('n2');
    const doors = [context.httpDoor(), await context.clientDoor(), context.httpDoor([victim])];
    const load = context.load({ doors: doors.slice(0, 2), keys: KEYS, ratePerSecond: RATE_PER_SECOND, putShare: 0.7 });
    await sleep(3_000);
    await stopCleanly(victim);
    const copy = `${victim.dataDir}.copy`;
    await cp(victim.dataDir, copy, { recursive: true, preserveTimestamps: true });
    const copiedMs = performance.now();
    await victim.start();
    await victim.waitReady();
    // It coordinates: its dots go on from where the copy is, and others get them.
    const own = context.load({ name: 'own', doors: doors.slice(2), keys: KEYS, ratePerSecond: 40, putShare: 1 });
    await sleep(4_000);
    await own.finish();
    victim.kill('SIGKILL');
    await victim.exited;
    await rm(victim.dataDir, { recursive: true });
    await rename(copy, victim.dataDir);
    await victim.start();
    await victim.waitReady();
    context.excuse(copiedMs, performance.now());
    context.tell('rolled back');
    const again = context.load({ name: 'again', doors: doors.slice(2), keys: KEYS, ratePerSecond: 40, putShare: 1 });
    await sleep(4_000);
    await again.finish();
    await load.finish();
    await readAll(context, doors[0]!);
    const { samples } = await context.settle();
    const written = (load: typeof own) => load.samples.filter(({ outcome }) => outcome === 'ok').length;
    context.note({
      writtenBefore: written(own),
      writtenAfter: written(again),
      failures: JSON.stringify(tally(samples.filter(({ outcome }) => outcome !== 'ok').map(({ code }) => code ?? ''))),
    });
    assert.ok(written(own) > 50 && written(again) > 50, 'it coordinated writes before and after');
  },
};
