import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, withTestCluster } from '@ringfort/testkit';
import { expect, it } from 'vitest';
import { checkHistory, hintsDrained, summary } from './harness/cluster-state.ts';
import { clientDoor, httpDoor } from './harness/doors.ts';
import { killAll, startAll } from './harness/faults.ts';
import { figuresOf, startLoad } from './harness/load.ts';

const KEYS = Array.from({ length: 400 }, (_, number) => `key-${number}`);
const LOAD_MS = 5_000;

// With `interval` nothing may be lost either: the processes die, not the machine, and what was committed stays in its page cache.
it.each(['fsync', 'interval'] as const)(
  'cluster-killed: every process kill -9 under load, restarted (%s)',
  { timeout: 90_000 },
  (durability) =>
    withTestCluster({ nodes: 5, durability }, async (cluster) => {
      const doors = [httpDoor(cluster.nodes), await clientDoor(cluster.natsUrls)];
      try {
        const load = startLoad({ doors, keys: KEYS, ratePerSecond: 300, random: seededRandom(2), putShare: 0.7 });
        await sleep(LOAD_MS);
        const dead = killAll(cluster);
        const samples = await load.finish();
        await dead;
        await startAll(cluster);
        await hintsDrained(cluster.nodes);
        const { violations, counts } = await checkHistory(load.history, doors[0]!);
        // The same client goes on once its server is back.
        await doors[1]!.put('afterwards', 'value');
        summary(`cluster-killed (${durability})`, figuresOf(samples), {
          acked: counts.acknowledged,
          lost: violations.filter(({ kind }) => kind === 'lost').length,
          violations: violations.length,
        });
        expect(violations).toEqual([]);
        expect(counts.pending).toBe(0);
        expect(counts.acknowledged).toBeGreaterThan(500);
      } finally {
        await Promise.all(doors.map((door) => door.close()));
      }
    }),
);
