import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterChange } from '@ringfort/membership';
import { expect, it } from 'vitest';
import type { RunningNode } from '../src/start-node.ts';
import { embedded } from './support/embedded.ts';

const bucket = 'carts';

async function change(by: RunningNode, changes: readonly ClusterChange[]): Promise<void> {
  const { membership } = by;
  await membership.commit(await membership.plan(changes));
}

/** Partitions of which the node holds records, and those that it owns. */
function heldAndOwned({ id, store, membership: { ring } }: RunningNode) {
  const all = Array.from({ length: ring.partitions }, (_, partition) => partition);
  const held = all.filter((partition) => store.fold({ partition }, { maxItems: 1, maxBytes: 1 }).items.length > 0);
  return { held, owned: all.filter((partition) => ring.owners(partition).includes(id)) };
}

it('a cluster grows by a node and shrinks by another while it is written to: nothing is lost, and only owners hold data', {
  timeout: 60_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ringfort-grow-'));
  let isOver = false;
  let writers: Promise<unknown> = Promise.resolve();
  const cluster = await embedded(directory, 'g', 3);
  try {
    const [first, second] = cluster.nodes as [RunningNode, RunningNode];
    const written: string[] = [];
    const write = async (worker: number) => {
      for (let n = 0; !isOver; n++) {
        const key = `${worker}-${n}`;
        await first.coordinator.put({ bucket, key, value: Buffer.from(key), contentType: 'text/plain' });
        written.push(key);
      }
    };
    writers = Promise.all([1, 2, 3, 4].map(write));
    await expect.poll(() => written.length, { timeout: 20_000 }).toBeGreaterThan(200);

    const fourth = await cluster.start('g4');
    await change(first, [{ type: 'add', node: 'g4' }]);
    const settled = (node: RunningNode) => () => {
      const { ring } = node.membership;
      return Array.from({ length: ring.partitions }, (_, partition) => ring.moves(partition).length).every(
        (n) => n === 0,
      );
    };
    await expect.poll(() => fourth.membership.state, { timeout: 20_000 }).toBe('member');
    await expect.poll(settled(first), { timeout: 20_000 }).toBe(true);
    await expect.poll(settled(fourth), { timeout: 20_000 }).toBe(true);
    expect(Math.abs(heldAndOwned(fourth).owned.length - 12)).toBeLessThanOrEqual(1);

    await change(first, [{ type: 'leave', node: second.id }]);
    await expect.poll(() => first.membership.ring.node(second.id), { timeout: 20_000 }).toBeUndefined();
    isOver = true;
    await writers;

    const stay = cluster.nodes.filter((node) => node !== second);
    for (const key of written) {
      const { siblings } = await first.coordinator.get({ bucket, key, r: 3, sloppy: false });
      expect(
        siblings.map(({ value }) => Buffer.from(value!).toString()),
        key,
      ).toEqual([key]);
    }
    await expect
      .poll(
        () =>
          stay.every((node) => {
            const { held, owned } = heldAndOwned(node);
            return held.every((partition) => owned.includes(partition));
          }),
        { timeout: 20_000 },
      )
      .toBe(true);
    expect(second.store.stats().records).toBe(0);
  } finally {
    isOver = true;
    await writers.catch(() => undefined);
    await cluster.stop();
    rmSync(directory, { recursive: true });
  }
});
