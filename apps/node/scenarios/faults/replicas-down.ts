import assert from 'node:assert/strict';
import type { TestNode } from '@ringfort/testkit';
import { findKeys, hintsHeld } from '../harness/cluster-state.ts';
import { RequestFailed } from '../harness/doors.ts';
import type { Scenario } from '../harness/scenario.ts';

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

export const twoReplicasDown: Scenario = {
  name: 'two-of-three-replicas-down',
  about: 'two primaries of every key are killed: stand-ins serve; a strict quorum is refused by name at once',
  cluster: { nodes: 5 },
  async run(context) {
    const { cluster } = context;
    const victims = [cluster.node('n1'), cluster.node('n2')];
    const alive = cluster.nodes.slice(2);
    const keys = await findKeys(cluster, 'two', KEYS, (list) =>
      ['n1', 'n2'].every((id) => list.slice(0, 3).includes(id)),
    );
    const doors = [context.recorded(context.httpDoor(alive)), context.recorded(await context.clientDoor())];
    for (const key of keys) await doors[0]!.put(key, 'before');
    await kill(victims);
    const tookMs: number[] = [];
    for (const [index, key] of keys.entries()) {
      for (const door of doors) {
        const { values, context: seen } = await door.get(key);
        assert.ok(values.length > 0);
        await door.put(key, `${door.name}-${index}`, seen);
        const put = await refusal(door.put(key, `strict-${door.name}`, seen, {}, { sloppy: false }));
        const get = await refusal(door.get(key, {}, { sloppy: false }));
        assert.equal(put.error.code, 'QUORUM_UNAVAILABLE');
        assert.equal(get.error.code, 'QUORUM_UNAVAILABLE');
        assert.equal(put.error.details.required, 2);
        assert.equal(put.error.outcome, 'failed');
        tookMs.push(put.tookMs, get.tookMs);
      }
      // Read your writes on stand-ins: the last of the two ways had seen the other's.
      for (const door of doors) assert.deepEqual((await door.get(key)).values, [`client-${index}`]);
    }
    const held = await hintsOf(alive);
    context.tell(`${held} hints are held; restarting`);
    for (const node of victims) await node.restart();
    const { drainMs } = await context.settle();
    context.note({ held, slowestRefusalMs: Math.max(...tookMs), drainMs });
    assert.ok(held >= KEYS, `${held} hints were held`);
    context.expectBelow('slowest refusal', Math.max(...tookMs), AT_ONCE_MS);
  },
};

export const allPrimariesDown: Scenario = {
  name: 'all-primaries-down',
  about: 'all primaries of every key are killed: sloppy puts succeed, and the primaries hold them after their restart',
  cluster: { nodes: 5 },
  async run(context) {
    const { cluster } = context;
    const victims = cluster.nodes.slice(0, 3);
    const alive = cluster.nodes.slice(3);
    const keys = await findKeys(cluster, 'all', KEYS, heldBy(victims.map(({ id }) => id)));
    const doors = [context.recorded(context.httpDoor(alive)), context.recorded(await context.clientDoor())];
    await kill(victims);
    for (const [index, key] of keys.entries()) {
      const seen = await doors[index % 2]!.put(key, `first-${index}`);
      await doors[(index + 1) % 2]!.put(key, `second-${index}`, seen);
      assert.deepEqual((await doors[0]!.get(key)).values, [`second-${index}`]);
      const { error } = await refusal(doors[index % 2]!.put(key, 'strict', seen, {}, { sloppy: false }));
      assert.deepEqual([error.code, error.outcome], ['QUORUM_UNAVAILABLE', 'failed']);
    }
    const held = await hintsOf(alive);
    context.tell(`${held} hints are held; restarting`);
    await Promise.all(victims.map((node) => node.restart()));
    const { drainMs } = await context.settle();
    context.note({ held, drainMs });
    assert.ok(held >= KEYS, `${held} hints were held`);
    for (const [index, key] of keys.entries()) {
      const { values } = await doors[index % 2]!.get(key, {}, { sloppy: false, r: 'all' });
      assert.deepEqual(values, [`second-${index}`]);
    }
  },
};
