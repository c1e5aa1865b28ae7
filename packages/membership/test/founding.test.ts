import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestCluster } from './support/cluster.ts';

const ids = ['n1', 'n2', 'n3', 'n4', 'n5'];
const allMembers = Object.fromEntries(ids.map((id) => [id, 'member']));

describe('founding', () => {
  it('ends with all founders as members of one ring, in whatever order and at whatever pace they start', async () => {
    const starts = fc.tuple(
      fc.shuffledSubarray(ids, { minLength: 5 }),
      fc.array(fc.integer({ min: 0, max: 2500 }), { minLength: 5, maxLength: 5 }),
      fc.nat(),
    );
    await fc.assert(
      fc.asyncProperty(starts, async ([order, pauses, seed]) => {
        const cluster = new TestCluster(seed);
        for (const [at, id] of order.entries()) {
          await cluster.start(id, { seeds: ids });
          await cluster.clock.pass(pauses[at] as number);
        }
        await cluster.clock.pass(3000);
        expect(cluster.states()).toEqual(allMembers);
        expect(new Set(cluster.versions()).size).toBe(1);
        expect(cluster.membership('n1').ring.nodes.map(({ id }) => id)).toEqual(ids);
        expect(cluster.membership('n1').history()).toHaveLength(5);
      }),
      { numRuns: 12 },
    );
  });

  it('is quick when all start together', async () => {
    const cluster = new TestCluster();
    for (const id of ids) await cluster.start(id, { seeds: ids });
    await cluster.clock.pass(500);
    expect(cluster.states()).toEqual(allMembers);
  });

  it('of a node alone makes a cluster of one', async () => {
    const cluster = new TestCluster();
    const { membership } = await cluster.start('n1', { seeds: ['n1'] });
    await cluster.clock.pass(50);
    expect(membership.state).toBe('member');
    expect(membership.ring.founded).toBe(true);
    expect(membership.ring.preferenceList(3)).toEqual(['n1']);
  });
});
