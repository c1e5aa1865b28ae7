import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, withTestCluster } from '@ringfort/testkit';
import { expect, it } from 'vitest';
import { checkHistory, hintsDrained, sees, summary, unequalKeys } from './harness/cluster-state.ts';
import { clientDoor, httpDoor } from './harness/doors.ts';
import { figuresOf, startLoad } from './harness/load.ts';

const KEYS = Array.from({ length: 300 }, (_, number) => `key-${number}`);
const PAUSE_MS = 15_000;
/** What a request that went to a hung node may wait: its deadline, and a tick of the wheel that keeps it, and of the one that watches. */
const ENDED_BY_MS = 2_000 + 100;
/** A hung node is found out by the first request that waits for it: within the client's hedge (250 ms), by all within a few of those. */
const FOUND_OUT_MS = 1_000;

it('node-paused: SIGSTOP for 15 s is hung, not dead; requests go round it', { timeout: 90_000 }, () =>
  withTestCluster({ nodes: 5 }, async (cluster) => {
    const paused = cluster.node('n2');
    const others = cluster.nodes.filter(({ id }) => id !== paused.id);
    // A load balancer's health check takes a hung node out of its list: what is judged here is how the rest of the cluster goes round it.
    const doors = [httpDoor(others), await clientDoor(cluster.natsUrls)];
    try {
      const load = startLoad({ doors, keys: KEYS, ratePerSecond: 200, random: seededRandom(3) });
      await sleep(2_000);
      const pausedMs = performance.now();
      paused.kill('SIGSTOP');
      await sleep(PAUSE_MS);
      const contMs = performance.now();
      paused.kill('SIGCONT');
      await sees(others[0]!, [paused.id], ['up']);
      await sleep(2_000);
      const samples = await load.finish();
      const drainMs = await hintsDrained(cluster.nodes);
      const written = [...new Set(samples.filter(({ kind }) => kind === 'put').map(({ key }) => key))];
      const before = await unequalKeys(cluster.nodes, written);
      const { violations, counts } = await checkHistory(load.history, doors[0]!);
      const settled = samples.filter(({ intendedMs }) => intendedMs > pausedMs + FOUND_OUT_MS && intendedMs < contMs);
      const failures = samples.filter(({ outcome }) => outcome !== 'ok');
      const late = failures.filter(
        ({ intendedMs }) => intendedMs < pausedMs - ENDED_BY_MS || intendedMs > pausedMs + FOUND_OUT_MS,
      );
      const figures = figuresOf(samples);
      summary('node-paused', figures, {
        acked: counts.acknowledged,
        violations: violations.length,
        p99WhilePausedMs: figuresOf(settled).p99Ms,
        unequalAfterHandoff: before.length,
        drainMs,
        codes: JSON.stringify(failures.map(({ code }) => code)),
      });
      expect(violations).toEqual([]);
      expect(late, 'failures other than of writes that had gone to the hung node before it was found out').toEqual([]);
      expect(
        failures.filter(({ kind }) => kind === 'get'),
        'a read is asked again elsewhere',
      ).toEqual([]);
      expect(figures.maxMs).toBeLessThan(ENDED_BY_MS);
      expect(figuresOf(settled).p99Ms).toBeLessThan(300);
      expect(before, 'its late answers, and hints, leave all replicas equal').toEqual([]);
      expect(paused.running).toBe(true);
    } finally {
      await Promise.all(doors.map((door) => door.close()));
    }
  }),
);
