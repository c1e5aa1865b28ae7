import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type History, recordHistory, seededRandom, withTestCluster } from '@ringfort/testkit';
import { expect, it, onTestFinished } from 'vitest';
import { checkHistory, hintsDrained, unequalKeys, until } from './harness/cluster-state.ts';
import { type Door, httpDoor, RequestFailed } from './harness/doors.ts';
import { recordedGet, recordedPut } from './harness/load.ts';
import { Command } from './support.ts';

const KEYS = Array.from({ length: 100 }, (_, number) => `key-${number}`);

/** A history to which a write that is acknowledged after the backup was begun is one that may be in it, or not. */
function historyUntil(history: History, hasBegun: () => boolean): History {
  return {
    put(key, value, context) {
      const pending = history.put(key, value, context);
      return {
        ...pending,
        acknowledged(next, covered) {
          if (!hasBegun()) return pending.acknowledged(next, covered);
          pending.indeterminate();
          history.read(key, [value], next);
        },
      };
    },
    delete: (key, context) => history.delete(key, context),
    read: (key, values, context) => history.read(key, values, context),
    get writes() {
      return history.writes;
    },
    get keys() {
      return history.keys;
    },
    check: (final) => history.check(final),
  };
}

/** Eight clients that read and write, each as fast as it is answered: a slow machine makes them slower, and nothing else. */
function startWriters(history: History, door: Door) {
  const random = seededRandom(5);
  let stopped = false;
  let acknowledged = 0;
  const contexts = new Map<string, string>();
  const client = async (name: number) => {
    for (let number = 0; !stopped; number++) {
      const key = KEYS[random.below(KEYS.length)]!;
      try {
        if (random.below(3) === 0) {
          const { context } = await recordedGet(history, door, key);
          if (context !== undefined) contexts.set(key, context);
        } else {
          contexts.set(key, await recordedPut(history, door, key, `${name}.${number}`, contexts.get(key)));
          acknowledged += 1;
        }
      } catch (error) {
        if (!(error instanceof RequestFailed)) throw error;
      }
    }
  };
  const clients = Promise.all(Array.from({ length: 8 }, (_, name) => client(name)));
  return {
    get acknowledged() {
      return acknowledged;
    },
    async stop() {
      stopped = true;
      await clients;
    },
  };
}

async function ringfort(...args: string[]): Promise<string> {
  const command = new Command(args);
  expect(await command.ended, command.text).toEqual({ code: 0, signal: null });
  return command.text;
}

it('backup: a cluster of three is backed up under load and lost as a whole; one of five has everything from it', {
  timeout: 90_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ringfort-backup-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const at = join(directory, 'b1');
  let begun = false;
  const history = historyUntil(recordHistory(), () => begun);
  let acknowledgedBefore = 0;
  await withTestCluster({ nodes: 3 }, async ({ nodes }) => {
    const door = httpDoor(nodes);
    const load = startWriters(history, door);
    const isEnough = (count: number) => count > 250;
    await until('there is something to back up', async () => load.acknowledged, isEnough, 30_000);
    begun = true;
    acknowledgedBefore = history.writes.filter(({ outcome }) => outcome === 'acknowledged').length;
    expect(await ringfort('backup', at, '--url', nodes[1]!.url)).toContain('3 nodes');
    const during = load.acknowledged - acknowledgedBefore;
    await load.stop();
    expect(during).toBeGreaterThan(0);
    await door.close();
    for (const node of nodes) node.kill('SIGKILL');
    await Promise.all(nodes.map((node) => node.exited));
  });
  expect(acknowledgedBefore).toBeGreaterThan(100);
  await withTestCluster({ nodes: 5, flags: ['--partitions', '64'] }, async ({ nodes }) => {
    const door = httpDoor(nodes);
    for (const node of [nodes[3]!, nodes[0]!]) {
      await ringfort('restore', at, '--url', node.url);
      await hintsDrained(nodes);
      expect(await unequalKeys(nodes, KEYS)).toEqual([]);
      const { violations, counts } = await checkHistory(history, door);
      expect(violations).toEqual([]);
      expect(counts.acknowledged).toBe(acknowledgedBefore);
    }
    await door.close();
  });
});
