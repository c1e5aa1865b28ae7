import { withTestCluster } from '@ringfort/testkit';
import { expect, it } from 'vitest';
import { areEqual, hintsDrained, replicasOf, summary, until } from './harness/cluster-state.ts';
import { clientDoor } from './harness/doors.ts';

const WRITES = 100;

it('sibling-explosion: two clients write in turn, each with the context of its own last put', { timeout: 60_000 }, () =>
  withTestCluster({ nodes: 3 }, async (cluster) => {
    const doors = await Promise.all([clientDoor(cluster.natsUrls), clientDoor(cluster.natsUrls)]);
    try {
      const contexts: (string | undefined)[] = [undefined, undefined];
      for (let number = 0; number < WRITES; number += 1) {
        const writer = number % 2;
        contexts[writer] = await doors[writer]!.put('cart', `value-${number}`, contexts[writer]);
      }
      const found = await doors[0]!.get('cart', {}, { r: 'all' });
      await hintsDrained(cluster.nodes);
      const copies = await until('the replicas agree', () => replicasOf(cluster.nodes[0]!, 'cart'), areEqual, 5_000);
      summary('sibling-explosion', undefined, {
        writes: WRITES,
        siblings: found.values.length,
        contextBytes: found.context!.length,
      });
      expect(found.values.sort()).toEqual([`value-${WRITES - 1}`, `value-${WRITES - 2}`].sort());
      expect(copies.replicas.map(({ siblings }) => siblings)).toEqual([2, 2, 2]);
      // A reader who has seen both ends the conflict with one write.
      await doors[1]!.put('cart', 'merged', found.context);
      expect((await doors[0]!.get('cart')).values).toEqual(['merged']);
    } finally {
      await Promise.all(doors.map((door) => door.close()));
    }
  }),
);
