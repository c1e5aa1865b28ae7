import assert from 'node:assert/strict';
import { replicasOf } from '../harness/cluster-state.ts';
import type { Scenario } from '../harness/scenario.ts';

const WRITES = 100;

export const siblingExplosion: Scenario = {
  name: 'sibling-explosion',
  about: 'two clients write one key in turn, each with the context of its own last put: two siblings, not a hundred',
  cluster: { nodes: 3 },
  async run(context) {
    const doors = [context.recorded(await context.clientDoor()), context.recorded(await context.clientDoor())];
    const contexts: (string | undefined)[] = [undefined, undefined];
    for (let number = 0; number < WRITES; number += 1) {
      const writer = number % 2;
      contexts[writer] = await doors[writer]!.put('cart', `value-${number}`, contexts[writer]);
    }
    const found = await doors[0]!.get('cart', {}, { r: 'all' });
    context.note({ siblings: found.values.length, contextBytes: found.context!.length });
    assert.deepEqual(found.values.sort(), [`value-${WRITES - 1}`, `value-${WRITES - 2}`].sort());
    await context.settle();
    const { replicas } = await replicasOf(context.cluster.nodes[0]!, 'cart');
    assert.deepEqual(
      replicas.map(({ siblings }) => siblings),
      [2, 2, 2],
    );
    // A reader who has seen both ends the conflict with one write.
    await doors[1]!.put('cart', 'merged', found.context);
    assert.deepEqual((await doors[0]!.get('cart')).values, ['merged']);
  },
};
