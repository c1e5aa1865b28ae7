import { type TestCluster, type TestNode, withTestCluster } from '@ringfort/testkit';
import { expect, it } from 'vitest';
import { areEqual, findKeys, hintsDrained, hintsHeld, replicasOf, summary } from './harness/cluster-state.ts';
import { clientDoor, type Door, httpDoor, RequestFailed } from './harness/doors.ts';

const KEYS = 12;
/** "At once": a small part of the deadline of 2 s, on a busy machine. */
const AT_ONCE_MS = 500;

async function kill(nodes: readonly TestNode[]): Promise<void> {
  for (const node of nodes) node.kill('SIGKILL');
  await Promise.all(nodes.map(({ exited }) => exited));
}

/** The keys' three primaries are these, in whatever order. */
function heldBy(ids: readonly string[]): (preferenceList: readonly string[]) => boolean {
  return (preferenceList) => preferenceList.slice(0, 3).every((id) => ids.includes(id));
}

async function withDoors(
  cluster: TestCluster,
  alive: readonly TestNode[],
  use: (doors: readonly Door[]) => Promise<void>,
) {
  const doors = [httpDoor(alive), await clientDoor(cluster.natsUrls)];
  try {
    await use(doors);
  } finally {
    await Promise.all(doors.map((door) => door.close()));
  }
}

/** Records that the nodes hold for others. */
async function hintsOf(nodes: readonly TestNode[]): Promise<number> {
  return (await Promise.all(nodes.map(hintsHeld))).reduce((sum, count) => sum + count, 0);
}

async function refusal(request: Promise<unknown>): Promise<{ error: RequestFailed; tookMs: number }> {
  const beginMs = performance.now();
  const error = await request.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (!(error instanceof RequestFailed)) throw new Error(`a refusal was expected, not ${String(error)}`);
  return { error, tookMs: performance.now() - beginMs };
}

it('two-of-three-replicas-down: stand-ins serve; a strict quorum is refused by name at once', { timeout: 90_000 }, () =>
  withTestCluster({ nodes: 5 }, async (cluster) => {
    const victims = [cluster.node('n1'), cluster.node('n2')];
    const alive = cluster.nodes.slice(2);
    const keys = await findKeys(cluster, 'two', KEYS, (list) =>
      ['n1', 'n2'].every((id) => list.slice(0, 3).includes(id)),
    );
    await withDoors(cluster, alive, async (doors) => {
      for (const key of keys) await doors[0]!.put(key, 'before');
      await kill(victims);
      const tookMs: number[] = [];
      for (const [index, key] of keys.entries()) {
        for (const door of doors) {
          const { values, context } = await door.get(key);
          expect(values.length).toBeGreaterThan(0);
          await door.put(key, `${door.name}-${index}`, context);
          const put = await refusal(door.put(key, `strict-${door.name}`, context, {}, { sloppy: false }));
          const get = await refusal(door.get(key, {}, { sloppy: false }));
          expect(put.error.code).toBe('QUORUM_UNAVAILABLE');
          expect(get.error.code).toBe('QUORUM_UNAVAILABLE');
          expect(put.error.details).toMatchObject({ required: 2 });
          expect(put.error.outcome).toBe('failed');
          tookMs.push(put.tookMs, get.tookMs);
        }
        // Read your writes on stand-ins: the last of the two ways had seen the other's.
        for (const door of doors) expect((await door.get(key)).values).toEqual([`client-${index}`]);
      }
      const held = await hintsOf(alive);
      for (const node of victims) await node.restart();
      const drainMs = await hintsDrained(cluster.nodes);
      const copies = await Promise.all(keys.map((key) => replicasOf(cluster.nodes[0]!, key)));
      summary('two-of-three-replicas-down', undefined, { keys: KEYS, slowestRefusalMs: Math.max(...tookMs), drainMs });
      expect(held).toBeGreaterThanOrEqual(KEYS);
      expect(Math.max(...tookMs)).toBeLessThan(AT_ONCE_MS);
      expect(copies.filter((copy) => !areEqual(copy))).toEqual([]);
    });
  }),
);

it(
  'all-primaries-down: sloppy puts succeed, and the primaries hold them after their restart',
  { timeout: 90_000 },
  () =>
    withTestCluster({ nodes: 5 }, async (cluster) => {
      const victims = cluster.nodes.slice(0, 3);
      const alive = cluster.nodes.slice(3);
      const keys = await findKeys(cluster, 'all', KEYS, heldBy(victims.map(({ id }) => id)));
      await withDoors(cluster, alive, async (doors) => {
        await kill(victims);
        for (const [index, key] of keys.entries()) {
          const context = await doors[index % 2]!.put(key, `first-${index}`);
          await doors[(index + 1) % 2]!.put(key, `second-${index}`, context);
          expect((await doors[0]!.get(key)).values).toEqual([`second-${index}`]);
          const { error } = await refusal(doors[index % 2]!.put(key, 'strict', context, {}, { sloppy: false }));
          expect(error).toMatchObject({ code: 'QUORUM_UNAVAILABLE', outcome: 'failed' });
        }
        const held = await hintsOf(alive);
        await Promise.all(victims.map((node) => node.restart()));
        const drainMs = await hintsDrained(cluster.nodes);
        const copies = await Promise.all(keys.map((key) => replicasOf(cluster.nodes[4]!, key)));
        summary('all-primaries-down', undefined, { keys: KEYS, held, drainMs });
        expect(held).toBeGreaterThanOrEqual(KEYS);
        expect(copies.filter((copy) => !areEqual(copy))).toEqual([]);
        for (const [index, key] of keys.entries()) {
          const { values } = await doors[index % 2]!.get(key, {}, { sloppy: false, r: 'all' });
          expect(values).toEqual([`second-${index}`]);
        }
      });
    }),
);
