import { describe, expect, it } from 'vitest';
import { nodeDown, nodeUp } from '../src/index.ts';
import { TestCluster } from './support/cluster.ts';
import { PausableClock } from './support/pausable-clock.ts';

const ids = ['n1', 'n2', 'n3', 'n4', 'n5'];

function downs(cluster: TestCluster, id: string): string[] {
  return cluster.get(id).events.flatMap((event) => (event.type === 'node.down' ? [event.node] : []));
}

/** A cluster whose n1 can be stopped like a process: messages to it wait, its timers too. */
async function withPausable() {
  const cluster = new TestCluster();
  const clock = new PausableClock(cluster.clock);
  await cluster.start('n1', { seeds: ids, clock });
  for (const id of ids.slice(1)) await cluster.start(id, { seeds: ids });
  await cluster.clock.pass(3000);
  const pauseMs = async (ms: number, meanwhile: () => Promise<void> = async () => undefined) => {
    const endMs = cluster.clock.monotonicMs() + ms;
    clock.stop();
    cluster.network.setLink((_, to) => [to === 'node.n1' ? Math.max(0, endMs - cluster.clock.monotonicMs()) : 0]);
    await meanwhile();
    await cluster.clock.pass(endMs - cluster.clock.monotonicMs() - 1);
    clock.continue();
    cluster.network.setLink(undefined);
    await cluster.clock.pass(1);
  };
  return { cluster, pauseMs };
}

describe('a peer', () => {
  it('that is gone is down at the first request that nobody answers, and up again as soon as it is back', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    const log = cluster.kill('n3');
    await cluster.clock.pass(1);
    const { membership } = cluster.get('n1');
    expect(membership.isUp('n3')).toBe(true);
    membership.reportFailure('n3', 'no-responders');
    expect(membership.isUp('n3')).toBe(false);
    await cluster.clock.pass(10_000);
    for (const id of ids.filter((other) => other !== 'n3')) expect(cluster.membership(id).isUp('n3')).toBe(false);
    expect(downs(cluster, 'n1')).toEqual(['n3']);
    await cluster.start('n3', { seeds: ids, log });
    await cluster.clock.pass(20);
    for (const id of ids) expect(cluster.membership(id).isUp('n3')).toBe(true);
  });

  it('that answers a request and does not serve is down at once, until a probe says otherwise', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    const { membership } = cluster.get('n1');
    membership.reportFailure('n3', 'refused');
    expect(membership.isUp('n3')).toBe(false);
    await cluster.clock.pass(20);
    expect(membership.isUp('n3')).toBe(true);
    expect(downs(cluster, 'n1')).toEqual(['n3']);
  });

  it('that is gone is found out within a few rounds without any request', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    cluster.kill('n3');
    await cluster.clock.pass(8000);
    for (const id of ids.filter((other) => other !== 'n3')) expect(downs(cluster, id)).toEqual(['n3']);
  });

  it('that hangs is down 300 ms after the first request it left unanswered, and up again within a second of its return', async () => {
    const { cluster, pauseMs } = await withPausable();
    const { membership } = cluster.get('n2');
    await pauseMs(15_000, async () => {
      await cluster.clock.pass(100);
      membership.reportFailure('n1', 'timeout');
      expect(membership.isUp('n1')).toBe(true);
      expect(membership.peers().find(({ id }) => id === 'n1')?.status).toBe('suspect');
      await cluster.clock.pass(300);
      expect(membership.isUp('n1')).toBe(false);
      await cluster.clock.pass(10_000);
      for (const id of ids.slice(1)) expect(cluster.membership(id).isUp('n1')).toBe(false);
    });
    await cluster.clock.pass(1000);
    for (const id of ids.slice(1)) expect(cluster.membership(id).isUp('n1')).toBe(true);
  });

  it('that was slow once stays up', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    cluster.membership('n1').reportFailure('n2', 'timeout');
    await cluster.clock.pass(20);
    expect(
      cluster
        .membership('n1')
        .peers()
        .find(({ id }) => id === 'n2')?.status,
    ).toBe('up');
    expect(downs(cluster, 'n1')).toEqual([]);
  });

  it('is not blamed for the own connection', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    cluster.network.disconnect('node.n1');
    cluster.membership('n1').reportFailure('n2', 'disconnected');
    await cluster.clock.pass(20_000);
    expect(downs(cluster, 'n1')).toEqual([]);
    for (const id of ids.slice(1)) expect(cluster.membership(id).isUp('n1')).toBe(false);
    cluster.network.reconnect('node.n1');
    await cluster.clock.pass(50);
    expect(downs(cluster, 'n1')).toEqual([]);
    for (const id of ids.slice(1)) expect(cluster.membership(id).isUp('n1')).toBe(true);
  });

  it('is not blamed by a node that was stopped itself', async () => {
    const { cluster, pauseMs } = await withPausable();
    for (const pause of [400, 3000, 15_000, 60_000]) {
      // Probes are under way when it is stopped; their deadlines are the first thing that it sees afterwards.
      for (const id of ids.slice(1)) cluster.membership('n1').reportFailure(id, 'timeout');
      await pauseMs(pause);
    }
    await cluster.clock.pass(5000);
    expect(downs(cluster, 'n1')).toEqual([]);
    expect(
      cluster
        .membership('n1')
        .peers()
        .map(({ status }) => status),
    ).toEqual(['self', 'up', 'up', 'up', 'up']);
  });

  it('that can speak but not hear stays down: its messages alone are no answer', async () => {
    const cluster = new TestCluster();
    await cluster.found(ids);
    cluster.network.setLink((_, to) => (to === 'node.n1' ? [] : [0]));
    // It goes on telling that it lives, so only a question to it can tell: each of the others asks one in four a second.
    await cluster.clock.pass(20_000);
    for (const id of ids.slice(1)) {
      expect(cluster.membership(id).isUp('n1')).toBe(false);
      expect(cluster.get(id).events.filter(({ type }) => type === 'node.up')).toEqual([]);
    }
  });

  it('that nobody ever heard of counts as up', async () => {
    const cluster = new TestCluster();
    await cluster.found(['n1']);
    expect(cluster.membership('n1').isUp('n77')).toBe(true);
    expect(cluster.membership('n1').isUp('n1')).toBe(true);
    cluster.membership('n1').reportFailure('n77', 'no-responders');
    cluster.membership('n1').reportSuccess('n77');
    expect(cluster.membership('n1').peers()).toHaveLength(1);
  });

  it('whose clock was set back is still heard by gossip', async () => {
    const cluster = new TestCluster();
    const log = (await cluster.start('n1', { seeds: ['n1', 'n2', 'n3'] })).log;
    await cluster.start('n2');
    await cluster.start('n3');
    await cluster.clock.pass(5000);
    cluster.kill('n1');
    const back = new PausableClock(cluster.clock);
    const early = Object.assign(Object.create(back) as PausableClock, { now: () => 1000 });
    for (const name of ['monotonicMs', 'setTimeout', 'clearTimeout'] as const)
      Object.assign(early, { [name]: back[name].bind(back) });
    await cluster.start('n1', { log, clock: early });
    await cluster.clock.pass(20_000);
    for (const id of ['n2', 'n3']) expect(cluster.membership(id).isUp('n1')).toBe(true);
  });
});

describe('announcements', () => {
  it('of a node that comes and goes are made on transitions only, at most once a second', async () => {
    const cluster = new TestCluster();
    await cluster.found(['n1', 'n2']);
    const heard: string[] = [];
    cluster
      .get('n2')
      .bus.listen('events.node.down', nodeDown, ({ node, observer }) => heard.push(`${observer}: ${node} down`));
    cluster
      .get('n2')
      .bus.listen('events.node.up', nodeUp, ({ node, observer }) => heard.push(`${observer}: ${node} up`));
    const { membership, events } = cluster.get('n1');
    const before = events.length;
    for (let i = 0; i < 10; i++) {
      membership.reportFailure('n2', 'no-responders');
      membership.reportSuccess('n2');
    }
    await cluster.clock.pass(5000);
    expect(events.slice(before).filter(({ type }) => type === 'node.down')).toHaveLength(10);
    expect(heard).toEqual(['n1: n2 down', 'n1: n2 up']);
  });
});
