import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { metricOf, readAll } from '../harness/disk.ts';
import { tally } from '../harness/judge.ts';
import type { Scenario } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 400 }, (_, number) => `key-${number}`);
const BOUND_BYTES = 12_000;
const VICTIMS = ['n4', 'n5'];

export const hintFlood: Scenario = {
  name: 'hint-flood',
  about:
    'two nodes are down under heavy writes, and hints have little room: they keep to it, and writes that need more are refused by name',
  cluster: { nodes: 5, flags: ['--max-hint-bytes', String(BOUND_BYTES)] },
  async run(context) {
    const { cluster } = context;
    const victims = VICTIMS.map((id) => cluster.node(id));
    const alive = cluster.nodes.filter(({ id }) => !VICTIMS.includes(id));
    const doors = [context.httpDoor(alive), await context.clientDoor()];
    const load = context.load({ doors, keys: KEYS, ratePerSecond: 150, putShare: 0.8 });
    await sleep(2_000);
    const downMs = performance.now();
    for (const node of victims) node.kill('SIGKILL');
    await Promise.all(victims.map(({ exited }) => exited));
    let most = 0;
    while (performance.now() < downMs + 8_000) {
      for (const node of alive) most = Math.max(most, await metricOf(node, 'ringfort_hints_held_bytes'));
      await sleep(250, undefined, { signal: context.signal });
    }
    context.tell(`at most ${most} bytes of hints on a node; restarting`);
    await Promise.all(victims.map((node) => node.restart()));
    // What hints had no room for comes with the next read.
    context.excuse(downMs, performance.now());
    await sleep(2_000);
    await load.finish();
    await readAll(context, doors[0]!);
    const { samples } = await context.settle();
    const failures = samples.filter(({ outcome }) => outcome !== 'ok');
    const refused = failures.filter(({ code }) => code === 'HINTS_FULL');
    context.note({
      most,
      refused: refused.length,
      failures: JSON.stringify(tally(failures.map(({ code }) => code ?? ''))),
    });
    assert.ok(most <= VICTIMS.length * BOUND_BYTES, `${most} bytes of hints for ${VICTIMS.length} nodes`);
    assert.ok(most > BOUND_BYTES / 2, `only ${most} bytes of hints: no flood`);
    assert.ok(refused.length > 0, 'some writes are refused for want of room for hints');
  },
};
