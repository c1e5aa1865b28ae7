import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, type TestCluster, type TestNode, withTestCluster } from '@ringfort/testkit';
import { contextFromText } from '@ringfort/versioning';
import { expect, it } from 'vitest';
import { checkHistory, findKeys, hintsDrained, summary, unequalKeys } from './harness/cluster-state.ts';
import { clientDoor, httpDoor } from './harness/doors.ts';
import { figuresOf, startLoad } from './harness/load.ts';

const KEYS = Array.from({ length: 200 }, (_, number) => `key-${number}`);
const STOP_WITHIN_MS = 5_000;

/** SIGTERM; resolves with how it ended and how long that took. */
async function terminate(node: TestNode) {
  const beginMs = performance.now();
  node.kill('SIGTERM');
  const exit = await node.exited;
  return { ...exit, tookMs: performance.now() - beginMs };
}

/** How many actors the context of a key names, after it was written through this node with all that was there. */
async function actorsAfterRewrite(
  { nodes }: TestCluster,
  node: TestNode,
  key: string,
  value: string,
): Promise<string[]> {
  const door = httpDoor(nodes.filter(({ id }) => id === node.id));
  try {
    const { context } = await door.get(key);
    await door.put(key, value, context);
    const after = await door.get(key);
    expect(after.values).toEqual([value]);
    return [...contextFromText(after.context!).vector.keys()].sort();
  } finally {
    await door.close();
  }
}

it(
  'graceful-stop: SIGTERM under load ends within 5 s with 0, and every acknowledged write is there',
  { timeout: 90_000 },
  () =>
    withTestCluster({ nodes: 5 }, async (cluster) => {
      const leaver = cluster.node('n4');
      const doors = [httpDoor(cluster.nodes), await clientDoor(cluster.natsUrls)];
      try {
        const load = startLoad({ doors, keys: KEYS, ratePerSecond: 200, random: seededRandom(4) });
        await sleep(3_000);
        const beginMs = performance.now();
        const exit = await terminate(leaver);
        await sleep(2_000);
        await leaver.start();
        await leaver.waitReady();
        await sleep(2_000);
        const samples = await load.finish();
        const drainMs = await hintsDrained(cluster.nodes);
        const { violations, counts } = await checkHistory(load.history, doors[1]!);
        const written = [...new Set(samples.filter(({ kind }) => kind === 'put').map(({ key }) => key))];
        const unequal = await unequalKeys(cluster.nodes, written);
        const failures = samples.filter(({ outcome }) => outcome !== 'ok');
        const figures = figuresOf(samples);
        summary('graceful-stop', figures, {
          stopMs: exit.tookMs,
          exitCode: exit.code,
          acked: counts.acknowledged,
          violations: violations.length,
          drainMs,
          failures: JSON.stringify(
            failures.map(
              ({ via, kind, code, trace, intendedMs, endMs }) =>
                `${via} ${kind} ${code} ${trace.node ?? ''} +${Math.round(intendedMs - beginMs)}..${Math.round(endMs! - beginMs)}`,
            ),
          ),
        });
        expect(exit).toMatchObject({ code: 0, signal: null });
        expect(exit.tookMs).toBeLessThan(STOP_WITHIN_MS);
        expect(violations).toEqual([]);
        expect(unequal).toEqual([]);
        // Nothing that a node had taken in is cut off, and what it no longer takes in is refused so that it can be asked elsewhere.
        expect(failures.filter(({ outcome }) => outcome === 'indeterminate')).toEqual([]);
        expect(failures).toEqual([]);
      } finally {
        await Promise.all(doors.map((door) => door.close()));
      }
    }),
);

it(
  'graceful-stop: a clean restart goes on with its run, so that clocks do not grow; one after kill -9 does not',
  { timeout: 60_000 },
  () =>
    withTestCluster({ nodes: 3 }, async (cluster) => {
      const node = cluster.node('n2');
      const [key] = await findKeys(cluster, 'marked', 1, (list) => list.slice(0, 3).includes(node.id));
      const first = await actorsAfterRewrite(cluster, node, key!, 'v1');
      expect(first).toHaveLength(1);
      for (const value of ['v2', 'v3']) {
        expect(await terminate(node)).toMatchObject({ code: 0 });
        await node.start();
        await node.waitReady();
        expect(await actorsAfterRewrite(cluster, node, key!, value)).toEqual(first);
      }
      await node.restart(); // kill -9
      const afterKill = await actorsAfterRewrite(cluster, node, key!, 'v4');
      summary('graceful-stop (run marker)', undefined, {
        actorsAfterCleanRestarts: first.length,
        actorsAfterKill: afterKill.length,
      });
      expect(afterKill).toHaveLength(2);
      expect(afterKill).toEqual(expect.arrayContaining(first));
    }),
);
