import { mkdir, rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { runScenario } from './harness/run-scenario.ts';
import type { Scenario } from './harness/scenario.ts';

const KEYS = ['a', 'b', 'c', 'd'];

/** All disks at once are more than any store survives: the judges must say so. */
const allWiped: Scenario = {
  name: 'all-wiped',
  about: 'every node is killed, its data removed, and started again',
  cluster: { nodes: 3 },
  async run(context) {
    const door = context.recorded(context.httpDoor());
    for (const key of KEYS) await door.put(key, 'precious');
    for (const node of context.cluster.nodes) {
      node.kill('SIGKILL');
      await node.exited;
      await rm(node.dataDir, { recursive: true });
      await mkdir(node.dataDir);
    }
    await Promise.all(context.cluster.nodes.map((node) => node.start()));
    await Promise.all(context.cluster.nodes.map((node) => node.waitReady()));
    context.expectBelow('what cannot be', 2, 1);
  },
};

it('what is lost is told, and nothing is left running', { timeout: 60_000 }, async () => {
  const pids: number[] = [];
  const outcome = await runScenario(
    {
      ...allWiped,
      run: async (context) => {
        await allWiped.run(context);
        pids.push(...context.cluster.nodes.map(({ pid }) => pid), context.cluster.nats!.servers[0]!.pid);
      },
    },
    { signal: new AbortController().signal, tell: () => undefined },
  );
  expect([...outcome.broken].sort()).toEqual(KEYS.map((key) => `lost: ${key} = precious`));
  expect(outcome.slow).toEqual(['what cannot be: 2 ms, not below 1 ms']);
  expect(pids).toHaveLength(4);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});
