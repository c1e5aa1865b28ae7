import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { killAll, startAll } from '../harness/faults.ts';
import type { Scenario } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 400 }, (_, number) => `key-${number}`);
const LOAD_MS = 5_000;

/** With `interval` nothing may be lost either: the processes die, not the machine, and what was committed stays in its page cache. */
function clusterKilled(durability: 'fsync' | 'interval'): Scenario {
  return {
    name: `cluster-killed-${durability}`,
    about: `every process, NATS servers first, is killed with -9 under load and started again (${durability})`,
    cluster: { nodes: 5, natsServers: 3, durability },
    async run(context) {
      const doors = [context.httpDoor(), await context.clientDoor()];
      const load = context.load({ doors, keys: KEYS, ratePerSecond: 300, putShare: 0.7 });
      await sleep(LOAD_MS);
      context.tell('kill -9 of all');
      const killedMs = performance.now();
      await killAll(context.cluster);
      const deadMs = performance.now();
      context.excuse(killedMs, deadMs);
      context.tell('starting all');
      await startAll(context.cluster);
      const downMs = performance.now() - killedMs;
      await sleep(LOAD_MS / 2);
      await load.finish();
      const before = load.samples.filter(
        ({ kind, outcome, endMs }) => kind === 'put' && outcome === 'ok' && endMs! < deadMs,
      );
      const after = load.samples.filter(
        ({ via, outcome, endMs }) => via === 'client' && outcome === 'ok' && endMs! > deadMs,
      );
      context.note({ downMs, acknowledgedBefore: before.length });
      await context.settle();
      assert.ok(before.length > 100, `${before.length} writes were acknowledged before`);
      assert.ok(after.length > 0, 'the same client goes on once its server is back');
    },
  };
}

export const clusterKilledFsync = clusterKilled('fsync');
export const clusterKilledInterval = clusterKilled('interval');
