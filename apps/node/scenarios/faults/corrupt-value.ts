import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { areEqual, replicasOf, until } from '../harness/cluster-state.ts';
import { flipValues, metricOf, readAll, stopCleanly } from '../harness/disk.ts';
import { tally } from '../harness/judge.ts';
import type { Scenario } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 120 }, (_, number) => `key-${number}`);
const RATE_PER_SECOND = 100;
const REPAIRED_WITHIN_MS = 10_000;

export const corruptValue: Scenario = {
  name: 'corrupt-value',
  about:
    'a bit of every value in the file of one node is flipped, and nobody reads it: a scrub finds all, and has them made whole',
  cluster: { nodes: 5 },
  async run(context) {
    const { cluster } = context;
    const doors = [context.httpDoor(), await context.clientDoor()];
    const before = context.load({ name: 'a', doors, keys: KEYS, ratePerSecond: RATE_PER_SECOND, durationMs: 5_000 });
    await before.sent;
    await before.finish();
    const victim = cluster.node('n2');
    await stopCleanly(victim);
    const flipped = flipValues(victim, 'data.mdb', () => true);
    context.tell(`${flipped} values flipped`);
    await victim.start();
    await victim.waitReady();
    const owned: string[] = [];
    const seen: (string | undefined)[] = [];
    for (const key of KEYS) {
      const { replicas } = await replicasOf(cluster.nodes[0]!, key);
      const own = replicas.find(({ node }) => node === victim.id);
      if (own === undefined || replicas.every(({ digest, error }) => digest === undefined && error === undefined))
        continue;
      owned.push(key);
      seen.push(own.error);
    }
    assert.deepEqual(tally(seen.map(String)), { CORRUPT_RECORD: owned.length }, 'every one of its records is corrupt');
    const scrubbed = await fetch(`${cluster.nodes[0]!.url}/v1/scrub?node=${victim.id}`, { method: 'POST' });
    assert.equal(scrubbed.status, 200);
    await until(
      'every record is whole again, unread',
      () => Promise.all(owned.map(async (key) => areEqual(await replicasOf(victim, key)))),
      (equal) => equal.every(Boolean),
      REPAIRED_WITHIN_MS,
    );
    const [found, healed, unhealed] = await Promise.all(
      ['corrupt_total', 'healed_total', 'unhealed'].map((name) => metricOf(victim, `ringfort_scrub_${name}`)),
    );
    assert.deepEqual([healed, unhealed], [found, 0]);
    const after = context.load({ name: 'b', doors, keys: KEYS, ratePerSecond: RATE_PER_SECOND, durationMs: 2_000 });
    await after.sent;
    await after.finish();
    await readAll(context, doors[0]!);
    const told = await metricOf(victim, 'ringfort_corrupt_records_total');
    const { samples } = await context.settle();
    const failures = samples.filter(({ outcome }) => outcome !== 'ok');
    context.note({
      flipped,
      owned: owned.length,
      told,
      healed,
      failures: JSON.stringify(tally(failures.map((one) => one.code ?? ''))),
    });
    assert.ok(owned.length > 20, `${owned.length} keys are the victim's`);
    assert.ok(told >= owned.length, `${told} corrupt records were told of`);
    assert.match(victim.logTail(1_000_000), /a record is corrupt/);
    context.expectBelow('failed requests', failures.length, 1, '');
  },
};

export const corruptJournal: Scenario = {
  name: 'corrupt-journal',
  about:
    'kill -9, and a bit in the middle of the journal is flipped: what follows is replayed, the rest comes from the others',
  cluster: { nodes: 5 },
  async run(context) {
    const { cluster } = context;
    const doors = [context.httpDoor(), await context.clientDoor()];
    const load = context.load({ doors, keys: KEYS, ratePerSecond: RATE_PER_SECOND, putShare: 0.7 });
    await sleep(5_000);
    const victim = cluster.node('n2');
    const fromMs = performance.now();
    victim.kill('SIGKILL');
    await victim.exited;
    const middle = (index: number, count: number) => index === Math.floor(count / 2);
    const flipped = flipValues(victim, 'journal-1', middle) || flipValues(victim, 'journal-0', middle);
    await victim.start();
    await victim.waitReady();
    // What the damaged batch held is gone from this node alone, and a read of it repairs it: as if it had been in flight.
    context.excuse(0, performance.now());
    context.note({ restartMs: performance.now() - fromMs });
    await sleep(3_000);
    await load.finish();
    await readAll(context, doors[0]!);
    await context.settle();
    assert.equal(flipped, 1);
    const log = victim.logTail(1_000_000);
    const behind = Number(/"lostBatches":1,"replayedBehind":(\d+)/.exec(log)?.[1]);
    context.note({ replayedBehind: behind });
    assert.match(log, /JOURNAL_DAMAGED/);
    assert.ok(behind > 20, `${behind} batches behind the damaged one were replayed`);
  },
};
