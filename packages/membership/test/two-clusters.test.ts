import { memoryBus, memoryNetwork } from '@ringfort/bus';
import { expect, it } from 'vitest';
import { createMembership, type Membership, memoryHistoryLog, nodeDown, ringChanged } from '../src/index.ts';
import { ManualClock, seeded } from './support/manual-clock.ts';

const settings = { n: 2, r: 1, w: 1, conflict: 'siblings' } as const;

it('two clusters with different ids on one network never mix, though their nodes have the same names', async () => {
  const clock = new ManualClock();
  const network = memoryNetwork({ clock, random: seeded(1) });
  const start = async (cluster: string, id: string, seeds: readonly string[]) => {
    const random = seeded(cluster.length + Number(id.slice(1)));
    const bus = memoryBus({ network, cluster, self: `node.${id}`, clock, random });
    const info = () => ({ version: cluster, hintsHeld: 0 });
    const self = { id, store: `${cluster}-${id}`, weight: 1, zone: 'z', info };
    const membership = await createMembership({
      bus,
      clock,
      random,
      log: memoryHistoryLog(),
      self,
      seeds,
      partitions: 32,
    });
    return { bus, membership };
  };
  const blue = [await start('blue', 'n1', ['n1', 'n2']), await start('blue', 'n2', ['n1', 'n2'])] as const;
  const green = [await start('green', 'n2', ['n2', 'n3']), await start('green', 'n3', ['n2', 'n3'])] as const;
  const heard: string[] = [];
  for (const { bus } of green) {
    bus.listen('events.ring.changed', ringChanged, ({ node }) => heard.push(`ring of ${node}`));
    bus.listen('events.node.down', nodeDown, ({ node }) => heard.push(`${node} down`));
  }
  await clock.pass(5000);
  const before = green[0].membership.ring.version;
  heard.length = 0;
  void blue[0].membership.configureBucket('carts', settings);
  await clock.pass(5000);
  // A node of blue dies whose name green has too.
  void blue[1].bus.close();
  await clock.pass(20_000);

  const nodesOf = ({ ring }: Membership) => ring.nodes.map(({ id, store }) => `${id} ${store}`);
  for (const { membership } of green) {
    expect(nodesOf(membership)).toEqual(['n2 green-n2', 'n3 green-n3']);
    expect(membership.ring.version).toEqual(before);
    expect(membership.peers().map(({ id, status, info }) => [id, status === 'down', info?.version])).toEqual([
      ['n2', false, 'green'],
      ['n3', false, 'green'],
    ]);
  }
  expect(heard).toEqual([]);
  expect(nodesOf(blue[0].membership)).toEqual(['n1 blue-n1', 'n2 blue-n2']);
  expect(blue[0].membership.ring.bucket('carts').n).toBe(2);
  expect(blue[0].membership.isUp('n2')).toBe(false);
});
