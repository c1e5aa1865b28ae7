import { describe, expect, it } from 'vitest';
import { indirectPing, nodeSuspected, ping } from '../src/index.ts';
import { TestCluster } from './support/cluster.ts';

const ids = ['n1', 'n2', 'n3', 'n4', 'n5'];

function statusOf(cluster: TestCluster, observer: string, node: string): string | undefined {
  return cluster
    .membership(observer)
    .peers()
    .find(({ id }) => id === node)?.status;
}

/** A founded cluster, and what is sent in it from then on, as `verb from to`. */
async function founded(nodes: readonly string[] = ids) {
  const cluster = new TestCluster();
  await cluster.found(nodes);
  const sent: string[] = [];
  /** Cuts links one way, `*` being all; the rest works. */
  const cut = (...links: (readonly [string, string])[]) => {
    cluster.network.setLink((from, to) => {
      const is = (pattern: string, name: string) => pattern === '*' || name === `node.${pattern}`;
      sent.push(`${from} ${to}`);
      return links.some(([a, b]) => is(a, from) && is(b, to)) ? [] : [0];
    });
  };
  cut();
  return { cluster, sent, cut };
}

describe('a suspect', () => {
  it('that others reach is not believed dead for a lost answer, and the others hear nothing of it', async () => {
    const { cluster, cut } = await founded();
    const accusations: unknown[] = [];
    cluster.get('n5').bus.listen('events.node.suspected', nodeSuspected, (event) => accusations.push(event));
    cut(['n1', 'n2'], ['n2', 'n1']);
    cluster.membership('n1').reportFailure('n2', 'timeout');
    await cluster.clock.pass(600);
    expect(statusOf(cluster, 'n1', 'n2')).toBe('suspect');
    expect(cluster.membership('n1').isUp('n2')).toBe(true);
    // It is of no use to n1 all the same, but to the others it is.
    await cluster.clock.pass(2000);
    expect(cluster.membership('n1').isUp('n2')).toBe(false);
    for (const id of ['n3', 'n4', 'n5'])
      expect(cluster.get(id).events.filter(({ type }) => type === 'node.down')).toEqual([]);
    expect(accusations).toEqual([]);
    cut();
    await cluster.clock.pass(1500);
    expect(cluster.membership('n1').isUp('n2')).toBe(true);
  });

  it('that hears of it refutes it by a higher incarnation', async () => {
    const { cluster } = await founded();
    const n1 = cluster.get('n1');
    const beatOf = async (suspected?: number) => {
      const asked = n1.bus.request('node.n2.membership', ping, suspected === undefined ? {} : { suspected }, {
        timeoutMs: 100,
      });
      await cluster.clock.pass(1);
      return (await asked).beat.incarnation;
    };
    const before = await beatOf();
    expect(await beatOf(before)).toBe(before + 1);
    expect(await beatOf(before)).toBe(before + 1);
    n1.bus.publish('events.node.suspected', nodeSuspected, {
      observer: 'n1',
      suspects: [{ node: 'n2', incarnation: before + 1 }],
    });
    await cluster.clock.pass(1);
    expect(await beatOf()).toBe(before + 2);
    // The others have asked it themselves meanwhile.
    await cluster.clock.pass(300);
    for (const id of ['n3', 'n4', 'n5']) expect(statusOf(cluster, id, 'n2')).toBe('up');
  });

  it('that fell silent is known to be down by all within three seconds, though nobody asks for anything', async () => {
    for (const nodes of [['n1', 'n2'], ['n1', 'n2', 'n3'], ids]) {
      const { cluster, cut } = await founded(nodes);
      cut(['*', 'n2'], ['n2', '*']);
      await cluster.clock.pass(3000);
      for (const id of nodes.filter((node) => node !== 'n2')) expect(cluster.membership(id).isUp('n2')).toBe(false);
      cut();
      await cluster.clock.pass(1500);
      for (const id of nodes) for (const other of nodes) expect(cluster.membership(id).isUp(other)).toBe(true);
    }
  });

  it('is told of by few, however many find out at the same time', async () => {
    const nodes = Array.from({ length: 20 }, (_, i) => `n${i + 1}`);
    const { cluster } = await founded(nodes);
    const accusers: string[] = [];
    cluster.get('n1').bus.listen('events.node.suspected', nodeSuspected, ({ observer }) => accusers.push(observer));
    cluster.kill('n7');
    for (const id of cluster.nodes.keys()) cluster.membership(id).reportFailure('n7', 'no-responders');
    await cluster.clock.pass(1000);
    expect(accusers.length).toBeGreaterThanOrEqual(1);
    expect(accusers.length).toBeLessThanOrEqual(5);
  });

  it('is found out at a bounded cost where many fall silent at once, and the rest stays up', async () => {
    const nodes = Array.from({ length: 20 }, (_, i) => `n${i + 1}`);
    const { cluster, cut, sent } = await founded(nodes);
    const lost = nodes.slice(0, 10);
    const left = nodes.slice(10);
    cut(...lost.flatMap((id) => [[id, '*'] as const, ['*', id] as const]));
    await cluster.clock.pass(15_000);
    for (const id of left) {
      for (const other of lost) expect(cluster.membership(id).isUp(other)).toBe(false);
      for (const other of left) expect(cluster.membership(id).isUp(other)).toBe(true);
    }
    sent.length = 0;
    await cluster.clock.pass(10_000);
    const perSecond =
      sent.filter((link) => left.some((id) => link.startsWith(`node.${id} `))).length / 10 / left.length;
    // Its own exchange and another's, a ping of its ward and to its watcher, and four of those that are down.
    expect(perSecond).toBeLessThan(10);
  }, 60_000);
});

describe('a helper', () => {
  it('pings once for all that ask at the same time, says what came of it, and refuses what it does not know', async () => {
    const { cluster, sent, cut } = await founded();
    const ask = async (node: string) => {
      const { bus } = cluster.get('n1');
      const answers = [1, 2, 3].map(() =>
        bus
          .request('node.n2.membership', indirectPing, { node }, { timeoutMs: 200 })
          .catch(({ code }) => code as string),
      );
      await cluster.clock.pass(200);
      return Promise.all(answers);
    };
    for (const answer of await ask('n3')) expect(answer).toMatchObject({ beat: { beat: expect.any(Number) } });
    cut(['n3', 'n2']);
    sent.length = 0;
    expect(await ask('n3')).toEqual([{}, {}, {}]);
    expect(sent.filter((link) => link === 'node.n2 node.n3').length).toBeLessThanOrEqual(3);
    expect(await ask('n9')).toEqual(['CANNOT_PING', 'CANNOT_PING', 'CANNOT_PING']);
  });
});
