import { emptyHistory, extendHistory, handOverRecord, type MembershipRecord } from '@ringfort/ring';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClusterChange, changesBack, type Membership, planChanges } from '../src/index.ts';
import { TestCluster } from './support/cluster.ts';

const ids = ['n1', 'n2', 'n3', 'n4'];

function founding(zones: readonly string[] = ['z', 'z', 'z', 'z']): MembershipRecord[] {
  return ids.map((node, at) => ({
    kind: 'node.founded',
    lamport: 1,
    author: node,
    node,
    store: `store-of-${node}`,
    weight: 1,
    zone: zones[at]!,
    founders: ids,
    partitions: 64,
  }));
}

const historyOf = (...records: readonly MembershipRecord[]) => extendHistory(emptyHistory, records);
const base = historyOf(...founding());
const plan = (...changes: ClusterChange[]) => planChanges(base, changes, 'n1');
const codeOf = (...changes: ClusterChange[]) => {
  try {
    plan(...changes);
    return 'planned';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('a plan', () => {
  it('says what moves from where to where, and the balance before and after', () => {
    const { moves, nodes, basedOn, warnings, underWay, ...rest } = plan({ type: 'add', node: 'n5', zone: 'z' });
    expect(basedOn).toEqual(base.ring.version);
    expect(nodes.map(({ node, slotsBefore, receives }) => [node, slotsBefore, receives])).toEqual([
      ...ids.map((node) => [node, 48, 0]),
      ['n5', 0, 38],
    ]);
    for (const { slotsAfter, share } of nodes) expect([share, Math.abs(slotsAfter - share) < 1]).toEqual([38.4, true]);
    expect(nodes.at(-1)).toMatchObject({ fate: 'joins', weight: 1, zone: 'z', gives: 0 });
    expect(moves).toHaveLength(38);
    expect(moves.every(({ to, from }) => to === 'n5' && ids.includes(from ?? ''))).toBe(true);
    expect(rest).toMatchObject({ efficiencyBefore: 1, partitions: 64 });
    expect(rest.efficiencyAfter).toBeGreaterThan(0.95);
    expect(underWay).toBe(0);
    expect(warnings).toEqual([expect.stringMatching(/^64 of 64 partitions would have two replicas in one zone/)]);
  });

  it('adds up for any changes at once: each node gives and receives what its load changes by', () => {
    const change: fc.Arbitrary<ClusterChange> = fc.oneof(
      fc.record({
        type: fc.constant('add' as const),
        node: fc.constantFrom('n5', 'n6', 'n7'),
        weight: fc.integer({ min: 1, max: 3 }),
        zone: fc.constantFrom('y', 'z'),
      }),
      fc.record({ type: fc.constant('leave' as const), node: fc.constantFrom(...ids) }),
      fc.record({
        type: fc.constant('reweight' as const),
        node: fc.constantFrom(...ids),
        weight: fc.constantFrom(2, 3),
      }),
      fc.record({
        type: fc.constant('rezone' as const),
        node: fc.constantFrom(...ids),
        zone: fc.constantFrom('x', 'y'),
      }),
    );
    fc.assert(
      fc.property(fc.uniqueArray(change, { minLength: 1, maxLength: 4, selector: ({ node }) => node }), (changes) => {
        fc.pre(codeOf(...changes) === 'planned');
        const { nodes, moves } = plan(...changes);
        const stay = nodes.filter(({ fate }) => fate === undefined || fate === 'joins');
        fc.pre(stay.length >= 3);
        for (const { slotsBefore, slotsAfter, gives, receives, share } of nodes) {
          expect(slotsBefore - gives + receives).toBe(slotsAfter);
          expect(Math.abs(slotsAfter - share)).toBeLessThanOrEqual(1 + 1e-6);
        }
        expect(moves.length).toBe(nodes.reduce((sum, { receives }) => sum + receives, 0));
      }),
      { numRuns: 40 },
    );
  });

  it('tells of two replicas in one zone only when there are', () => {
    const zoned = historyOf(...founding(['a', 'b', 'c', 'c']));
    expect(planChanges(zoned, [{ type: 'reweight', node: 'n1', weight: 2 }], 'n1').warnings).toEqual([]);
    const fewer = planChanges(zoned, [{ type: 'rezone', node: 'n2', zone: 'a' }], 'n1');
    expect(fewer.zones).toEqual({ count: 2, crowdedBefore: 0, crowdedAfter: 64 });
    expect(fewer.warnings).toEqual([expect.stringContaining('2 zones for 3 replicas')]);
  });

  it('is refused by name when it makes no sense', () => {
    expect(codeOf({ type: 'add', node: 'n2' })).toBe('ALREADY_MEMBER');
    expect(codeOf({ type: 'replace', node: 'n2', by: 'n3' })).toBe('ALREADY_MEMBER');
    for (const type of ['leave', 'stay', 'remove'] as const) expect(codeOf({ type, node: 'x' })).toBe('UNKNOWN_NODE');
    expect(codeOf({ type: 'replace', node: 'x', by: 'y' })).toBe('UNKNOWN_NODE');
    expect(codeOf({ type: 'remove', node: 'n2' }, { type: 'add', node: 'n2' })).toBe('RETIRED_ID');
    expect(codeOf({ type: 'replace', node: 'n2', by: 'n5' }, { type: 'add', node: 'n2' })).toBe('RETIRED_ID');
    expect(codeOf({ type: 'remove', node: 'n2' }, { type: 'leave', node: 'n2' })).toBe('UNKNOWN_NODE');
    expect(codeOf({ type: 'remove', node: 'n1' })).toBe('REMOVES_ITSELF');
    expect(codeOf(...ids.map((node) => ({ type: 'leave' as const, node })))).toBe('LAST_NODE');
    expect(codeOf({ type: 'stay', node: 'n2' })).toBe('NOTHING_CHANGES');
    expect(codeOf({ type: 'reweight', node: 'n2', weight: 1 })).toBe('NOTHING_CHANGES');
    expect(codeOf({ type: 'rezone', node: 'n2', zone: 'z' })).toBe('NOTHING_CHANGES');
    expect(codeOf({ type: 'leave', node: 'n2' }, { type: 'leave', node: 'n2' })).toBe('NOTHING_CHANGES');
  });
});

describe('taking back what is under way', () => {
  it('goes back to the members as they were, whatever was handed over meanwhile', () => {
    let history = historyOf(
      ...founding(),
      { kind: 'node.added', lamport: 2, author: 'n1', node: 'n5', store: 's', weight: 1, zone: 'z' },
      { kind: 'node.leaving', lamport: 3, author: 'n1', node: 'n2' },
      { kind: 'node.reweighted', lamport: 4, author: 'n1', node: 'n3', weight: 2 },
      { kind: 'node.rezoned', lamport: 5, author: 'n1', node: 'n4', zone: 'y' },
    );
    const { ring } = history;
    const first = [...Array(64).keys()].flatMap((partition) => ring.moves(partition)).slice(0, 9);
    history = extendHistory(
      history,
      first.map((move, at) => handOverRecord(move, move.recorders[0]!, 6 + at)),
    );
    const back = changesBack(history);
    expect(back).toEqual([
      { type: 'stay', node: 'n2' },
      { type: 'reweight', node: 'n3', weight: 1 },
      { type: 'rezone', node: 'n4', zone: 'z' },
      { type: 'leave', node: 'n5' },
    ]);
    const planned = planChanges(history, back, 'n1');
    // What was handed over goes back, and nothing else moves, but to keep loads within one of their shares.
    expect(planned.moves.length).toBeLessThanOrEqual(first.length);
    expect(planned.nodes.map(({ slotsAfter }) => slotsAfter).at(-1)).toBe(0);
  });

  it('is nothing when every slot is where it should be', () => {
    expect(changesBack(base)).toEqual([]);
  });
});

describe('a cluster that is changed', () => {
  /** Waits for work that needs the time to pass. */
  async function meanwhile<T>(cluster: TestCluster, work: Promise<T>): Promise<T> {
    const outcome = work.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    await cluster.clock.pass(3000);
    const settled = await outcome;
    if ('error' in settled) throw settled.error;
    return settled.value;
  }

  async function founded(): Promise<{ cluster: TestCluster; n1: Membership }> {
    const cluster = new TestCluster();
    await cluster.found(ids);
    return { cluster, n1: cluster.membership('n1') };
  }

  it('gets a node that was planned, asked who it is, and committed', async () => {
    const { cluster, n1 } = await founded();
    await cluster.start('n5', { seeds: ids, zone: 'y' });
    await cluster.clock.pass(2000);
    expect(cluster.membership('n5').reason).toBe('NOT_A_MEMBER');
    const planned = await meanwhile(cluster, n1.plan([{ type: 'add', node: 'n5', weight: 2 }]));
    expect(planned.changes).toEqual([{ type: 'add', node: 'n5', weight: 2, zone: 'y', store: 'store-of-n5' }]);
    expect(n1.ring.node('n5')).toBeUndefined();
    const version = await meanwhile(cluster, n1.commit(JSON.parse(JSON.stringify(planned))));
    for (const id of [...ids, 'n5']) {
      expect(cluster.membership(id).ring.version).toEqual(version);
      expect(cluster.membership(id).ring.node('n5')).toEqual({ id: 'n5', store: 'store-of-n5', weight: 2, zone: 'y' });
      expect(cluster.membership(id).ring.partitionsOf('n5')).toEqual([]);
    }
    expect(cluster.membership('n5').state).toBe('member');
    expect([...Array(32).keys()].flatMap((partition) => n1.ring.moves(partition))).toHaveLength(planned.moves.length);
    const back = await meanwhile(cluster, n1.abort());
    expect(back.moves).toEqual([]);
    expect(n1.ring.node('n5')!.leaving).toBe(true);
    await expect(meanwhile(cluster, n1.abort())).rejects.toMatchObject({ code: 'NOTHING_TO_ABORT' });
  });

  it('refuses a plan that is stale, and one for a node that nobody has heard', async () => {
    const { cluster, n1 } = await founded();
    const unheard = await meanwhile(cluster, n1.plan([{ type: 'add', node: 'n9' }]));
    expect(unheard.warnings.join()).toContain('n9 does not answer');
    await expect(meanwhile(cluster, n1.commit(unheard))).rejects.toMatchObject({ code: 'NODE_UNHEARD' });
    const stale = await meanwhile(cluster, n1.plan([{ type: 'reweight', node: 'n2', weight: 2 }]));
    const other = await meanwhile(cluster, cluster.membership('n3').plan([{ type: 'leave', node: 'n4' }]));
    await meanwhile(cluster, cluster.membership('n3').commit(other));
    await expect(meanwhile(cluster, n1.commit(stale))).rejects.toMatchObject({ code: 'PLAN_STALE' });
    expect(n1.ring.node('n2')!.weight).toBe(1);
  });

  it('refuses what is no list of changes, and a node that is no member', async () => {
    const { cluster, n1 } = await founded();
    for (const wrong of [[], [{ type: 'add' }], [{ type: 'add', node: 'n 5' }], 'add']) {
      await expect(meanwhile(cluster, n1.plan(wrong as never))).rejects.toMatchObject({ code: 'INVALID_CHANGES' });
    }
    const n5 = await cluster.start('n5', { seeds: ids });
    const plans = meanwhile(cluster, n5.membership.plan([{ type: 'leave', node: 'n1' }]));
    await expect(plans).rejects.toMatchObject({ code: 'NOT_A_MEMBER' });
  });
});
