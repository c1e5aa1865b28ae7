import { describe, expect, it } from 'vitest';
import { memoryHistoryLog } from '../src/index.ts';
import { TestCluster } from './support/cluster.ts';

const ids = ['n1', 'n2', 'n3'];

describe('a node that comes back', () => {
  it('is a member at once by its own history, even alone', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    const version = cluster.membership('n1').ring.version;
    const logs = ids.map((id) => [id, cluster.kill(id)] as const);
    await cluster.clock.pass(1000);
    const [id, log] = logs[0] as (typeof logs)[0];
    const { membership } = await cluster.start(id, { log });
    expect(membership.state).toBe('member');
    expect(membership.ring.version).toEqual(version);
    expect(log.load()).toHaveLength(3);
  });

  it('never writes a second founding record, even when it was killed before the founding was complete', async () => {
    const cluster = new TestCluster();
    await cluster.start('n1');
    await cluster.clock.pass(3000);
    const log = cluster.kill('n1');
    expect(await log.load()).toHaveLength(1);
    await cluster.start('n1', { log });
    await cluster.start('n2');
    await cluster.start('n3');
    await cluster.clock.pass(3000);
    expect(cluster.states()).toEqual({ n1: 'member', n2: 'member', n3: 'member' });
    expect(cluster.membership('n3').history()).toHaveLength(3);
  });

  it('with an exchanged directory is refused, says why, and its peers hold it for down', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    cluster.kill('n1');
    await cluster.clock.pass(1000);
    const wiped = await cluster.start('n1', { store: 'another-store' });
    await cluster.clock.pass(3000);
    expect(wiped.membership.state).toBe('refused');
    expect(wiped.membership.reason).toBe('STORE_REPLACED');
    expect(wiped.events).toContainEqual({ type: 'state.changed', state: 'refused', reason: 'STORE_REPLACED' });
    expect(wiped.logged.find(({ level }) => level === 'error')?.message).toMatch(
      /store-of-n1.*another-store.*not empty/,
    );
    expect(wiped.membership.history().some((r) => 'store' in r && r.store === 'another-store')).toBe(false);
    expect(cluster.membership('n2').isUp('n1')).toBe(false);
    expect(cluster.membership('n2').ring.node('n1')?.store).toBe('store-of-n1');
  });

  it('with an exchanged directory is refused even if it found nobody to ask, and changes nothing for the others', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    const version = cluster.membership('n2').ring.version;
    const logs = ids.map((id) => cluster.kill(id));
    await cluster.clock.pass(1000);
    const wiped = await cluster.start('n1', { store: 'another-store' });
    await cluster.clock.pass(3000);
    expect(wiped.membership.state).toBe('joining');
    await cluster.start('n2', { log: logs[1] as (typeof logs)[0] });
    await cluster.start('n3', { log: logs[2] as (typeof logs)[0] });
    await cluster.clock.pass(3000);
    expect(cluster.states()).toEqual({ n1: 'refused', n2: 'member', n3: 'member' });
    expect(cluster.membership('n3').ring.version).toEqual(version);
    expect(cluster.get('n2').logged.map(({ code }) => code)).toContain('STORE_DIFFERS');
  });

  it('wiped in the middle of the founding is refused, and the founding stays as it was', async () => {
    const cluster = new TestCluster();
    await cluster.start('n1');
    await cluster.start('n2');
    await cluster.clock.pass(2000);
    cluster.kill('n1');
    await cluster.start('n1', { store: 'another-store' });
    await cluster.clock.pass(2000);
    expect(cluster.states()).toEqual({ n1: 'refused', n2: 'joining' });
    expect(cluster.get('n1').log.load()).not.toHaveLength(0);
  });
});

/** An empty store, and what becomes of it. */
function emptyStore() {
  const told: string[] = [];
  const refillable = {
    told,
    isEmpty: true,
    mayTakePlace: () => refillable.isEmpty,
    beginRefill: async () => void told.push('marked'),
  };
  return refillable;
}

describe('a node that comes back with an empty directory', () => {
  it('takes its old place over a new store, once that is marked, and everybody knows', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    cluster.kill('n1');
    await cluster.clock.pass(1000);
    const refillable = emptyStore();
    const { membership, log, events } = await cluster.start('n1', { store: 'another-store', refillable });
    membership.on(({ type }) => type === 'ring.changed' && refillable.told.push(membership.ring.node('n1')!.store));
    await cluster.clock.pass(3000);
    expect(cluster.states()).toEqual({ n1: 'member', n2: 'member', n3: 'member' });
    expect(new Set(cluster.versions()).size).toBe(1);
    expect(refillable.told.slice(-2)).toEqual(['marked', 'another-store']);
    expect(events).not.toContainEqual(expect.objectContaining({ state: 'refused' }));
    expect(cluster.membership('n2').ring.node('n1')?.store).toBe('another-store');
    expect(cluster.membership('n2').isUp('n1')).toBe(true);
    // By then it is the one that the cluster knows, and the old one is not, were it as empty.
    cluster.kill('n1');
    const again = await cluster.start('n1', { store: 'another-store', log });
    expect(again.membership.state).toBe('member');
    cluster.kill('n1');
    const old = await cluster.start('n1', { refillable: emptyStore() });
    await cluster.clock.pass(3000);
    expect(old.membership.reason).toBe('STORE_REPLACED');
  });

  it('waits until it hears what the cluster knows of it, and is refused when its store is not empty by then', async () => {
    for (const isEmpty of [true, false]) {
      const cluster = new TestCluster();
      await cluster.found(ids);
      const logs = ids.map((id) => cluster.kill(id));
      await cluster.clock.pass(1000);
      const refillable = emptyStore();
      const wiped = await cluster.start('n1', { store: 'another-store', refillable });
      await cluster.clock.pass(3000);
      expect(wiped.membership.reason).toBe('FOUNDING_INCOMPLETE');
      refillable.isEmpty = isEmpty;
      await cluster.start('n2', { log: logs[1] as (typeof logs)[0] });
      await cluster.start('n3', { log: logs[2] as (typeof logs)[0] });
      await cluster.clock.pass(5000);
      expect(cluster.states()).toEqual({ n1: isEmpty ? 'member' : 'refused', n2: 'member', n3: 'member' });
      expect(refillable.told).toEqual(isEmpty ? ['marked'] : []);
    }
  });

  it('is a stranger all the same when its id was retired meanwhile', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    cluster.kill('n1');
    await cluster.clock.pass(10_000);
    const n2 = cluster.membership('n2');
    const removed = n2.plan([{ type: 'remove', node: 'n1' }]).then((plan) => n2.commit(plan));
    await cluster.clock.pass(3000);
    await removed;
    const refillable = emptyStore();
    const wiped = await cluster.start('n1', { store: 'another-store', refillable });
    await cluster.clock.pass(3000);
    expect(wiped.membership.reason).toBe('NOT_A_MEMBER');
    expect(refillable.told).toEqual([]);
  });

  it('goes before one that was put in the same place earlier, of which those that it could ask knew nothing', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    const n3Log = cluster.kill('n3');
    cluster.kill('n1');
    await cluster.clock.pass(10_000);
    const first = await cluster.start('n1', { store: 'first', refillable: emptyStore() });
    await cluster.clock.pass(3000);
    expect(first.membership.state).toBe('member');
    const firstLog = cluster.kill('n1');
    const n2Log = cluster.kill('n2');
    await cluster.start('n3', { log: n3Log });
    await cluster.clock.pass(10_000);
    await cluster.start('n1', { store: 'second', refillable: emptyStore() });
    await cluster.clock.pass(5000);
    expect(cluster.membership('n3').ring.node('n1')?.store).toBe('second');
    await cluster.start('n2', { log: n2Log });
    await cluster.clock.pass(10_000);
    expect(cluster.states()).toEqual({ n1: 'member', n2: 'member', n3: 'member' });
    expect(cluster.membership('n2').ring.node('n1')?.store).toBe('second');
    cluster.kill('n1');
    const back = await cluster.start('n1', { store: 'first', log: firstLog, refillable: emptyStore() });
    await cluster.clock.pass(3000);
    expect(back.membership.reason).toBe('STORE_REPLACED');
  });
});

describe('a node that the founding does not name', () => {
  it('stays outside until it is added, and does not answer clients', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    const stranger = await cluster.start('n9', { seeds: ids });
    await cluster.clock.pass(3000);
    expect(stranger.membership.state).toBe('joining');
    expect(stranger.membership.reason).toBe('NOT_A_MEMBER');
    expect(stranger.membership.ring.nodes.map(({ id }) => id)).toEqual(ids);
    expect(await stranger.log.load()).toHaveLength(3);
    const settings = { n: 3, r: 2, w: 2, conflict: 'siblings' } as const;
    await expect(stranger.membership.configureBucket('b', settings)).rejects.toMatchObject({ code: 'NOT_A_MEMBER' });
  });

  it('cannot change a cluster by founding with another list of seeds', async () => {
    const cluster = new TestCluster();
    const odd = await cluster.start('n9', { seeds: ['n1', 'n9'] });
    await cluster.clock.pass(3000);
    expect(await odd.log.load()).toHaveLength(1);
    await cluster.found(ids);
    expect(cluster.states()).toEqual({ n9: 'joining', n1: 'member', n2: 'member', n3: 'member' });
    expect(odd.membership.reason).toBe('NOT_A_MEMBER');
    expect(new Set(cluster.versions()).size).toBe(1);
    const log = cluster.kill('n9');
    const again = await cluster.start('n9', { seeds: ['n1', 'n9'], log });
    expect(again.membership.reason).toBe('NOT_A_MEMBER');
  });

  it('with other founders waits with a reason that names what to look at', async () => {
    const cluster = new TestCluster();
    await cluster.start('n1', { seeds: ['n1', 'n2'] });
    await cluster.start('n2', { seeds: ['n1', 'n2', 'n3'] });
    await cluster.clock.pass(3000);
    expect(cluster.membership('n1').reason).toBe('FOUNDING_INCOMPLETE');
    expect(cluster.get('n1').logged.map(({ code }) => code)).toContain('FOUNDERS_DISAGREE');
  });
});

describe('options that cannot work', () => {
  it.each([
    ['no seeds', { seeds: [] }],
    ['a seed that is no id', { seeds: ['n 1'] }],
    ['partitions that are no power of two', { partitions: 33 }],
    ['a zone that is no zone', { zone: '' }],
  ])('%s', async (_, options) => {
    await expect(new TestCluster().start('n1', options)).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });

  it('a log that cannot be trusted', async () => {
    const log = memoryHistoryLog();
    await log.append([new TextEncoder().encode('{"layout":1,"hash":"0000000000000000","record":{}}')]);
    await expect(new TestCluster().start('n1', { log })).rejects.toMatchObject({ code: 'HISTORY_CORRUPT' });
  });
});
