import { describe, expect, it } from 'vitest';
import type { NodeInfo } from '../src/index.ts';
import { TestCluster } from './support/cluster.ts';

const ids = Array.from({ length: 12 }, (_, at) => `n${at + 1}`);

async function clusterOf(info: () => NodeInfo) {
  const cluster = new TestCluster();
  await cluster.start('n1', { seeds: ids, info });
  for (const id of ids.slice(1)) await cluster.start(id, { seeds: ids });
  await cluster.clock.pass(3000);
  const seenBy = (id: string) =>
    cluster
      .membership(id)
      .peers()
      .find((peer) => peer.id === 'n1')?.info;
  return { cluster, seenBy };
}

describe('what a node tells of itself', () => {
  it('reaches all others, and so does every change of it, entries that are gone among them', async () => {
    let info: NodeInfo = { version: '1', hintsHeld: 0, storage: 'serving' };
    const { cluster, seenBy } = await clusterOf(() => info);
    for (const next of [
      { version: '1', hintsHeld: 7, http: 'http://n1' },
      { version: '1', hintsHeld: 0 },
    ]) {
      info = next;
      await cluster.clock.pass(10_000);
      for (const id of ids) expect(seenBy(id)).toEqual(next);
    }
  });

  it('reaches all others while it changes all the time, a few seconds late', async () => {
    let hintsHeld = 0;
    const { cluster, seenBy } = await clusterOf(() => ({ version: '1', hintsHeld: hintsHeld++ }));
    await cluster.clock.pass(60_000);
    const before = hintsHeld;
    await cluster.clock.pass(12_000);
    for (const id of ids.slice(1)) expect(seenBy(id)?.hintsHeld).toBeGreaterThan(before);
  });

  it('is that of its present life, however often the former one had changed', async () => {
    let hintsHeld = 0;
    const { cluster, seenBy } = await clusterOf(() => ({ version: 'old', hintsHeld: hintsHeld++ }));
    await cluster.clock.pass(20_000);
    const log = cluster.kill('n1');
    await cluster.clock.pass(5000);
    await cluster.start('n1', { seeds: ids, log, info: () => ({ version: 'new', hintsHeld: 1 }) });
    await cluster.clock.pass(8000);
    for (const id of ids) expect(seenBy(id)).toEqual({ version: 'new', hintsHeld: 1 });
  });
});
