import { type MembershipRecord, recordHash } from '@ringfort/ring';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecord } from '../src/history-core.ts';
import { memoryHistoryLog } from '../src/index.ts';
import { TestCluster } from './support/cluster.ts';
import { seeded } from './support/manual-clock.ts';

const ids = ['n1', 'n2', 'n3', 'n4', 'n5'];

/** What happens while the network misbehaves. */
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('configure' as const),
      node: fc.nat(4),
      bucket: fc.nat(5),
      w: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), node: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('start' as const), node: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const), node: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('mend' as const) }) },
);

describe('gossip', () => {
  it('brings every history to the same state once faults end, whatever was lost, late, doubled, cut or killed before', async () => {
    const run = fc.tuple(fc.array(fc.tuple(step, fc.integer({ min: 1, max: 1500 })), { maxLength: 14 }), fc.nat());
    await fc.assert(
      fc.asyncProperty(run, async ([steps, seed]) => {
        const cluster = new TestCluster(seed);
        const random = seeded(seed);
        const logs = new Map<string, Awaited<ReturnType<TestCluster['start']>>['log']>();
        const cut = new Set<string>();
        // A fifth is lost, a tenth comes twice, the rest within 200 ms.
        const lossy = () =>
          random.below(5) === 0 ? [] : random.below(10) === 0 ? [1, random.below(200)] : [random.below(200)];
        cluster.network.setLink((from, to) => (cut.has(from) || cut.has(to) ? [] : lossy()));
        const works: Promise<unknown>[] = [];
        const start = async (id: string) => {
          const { log } = await cluster.start(id, {
            seeds: ids,
            ...(logs.has(id) ? { log: logs.get(id) as never } : {}),
          });
          logs.set(id, log);
        };
        for (const [given, pauseMs] of steps) {
          const id = 'node' in given ? (ids[given.node] as string) : '';
          if (given.do === 'start' && !cluster.nodes.has(id)) await start(id);
          if (given.do === 'kill' && cluster.nodes.has(id)) cluster.kill(id);
          if (given.do === 'cut') cut.add(`node.${id}`);
          if (given.do === 'mend') cut.clear();
          if (given.do === 'configure' && cluster.nodes.get(id)?.membership.state === 'member') {
            const settings = { n: 3, r: 1, w: given.w, conflict: given.w === 1 ? 'lww' : 'siblings' } as const;
            const work = cluster.membership(id).configureBucket(`b${given.bucket}`, settings);
            works.push(work.catch((error: { code: string }) => expect(error.code).toBe('BUCKET_CONFLICT_FIXED')));
          }
          await cluster.clock.pass(pauseMs);
        }
        cluster.network.setLink(undefined);
        for (const id of ids) if (!cluster.nodes.has(id)) await start(id);
        await cluster.clock.pass(15_000);
        await Promise.all(works);
        expect(cluster.states()).toEqual(Object.fromEntries(ids.map((id) => [id, 'member'])));
        expect(new Set(cluster.versions()).size).toBe(1);
        const histories = ids.map((id) => cluster.membership(id).history().map(recordHash).sort().join());
        expect(new Set(histories).size).toBe(1);
        for (const id of ids) for (const other of ids) expect(cluster.membership(id).isUp(other)).toBe(true);
        for (const { logged } of cluster.nodes.values())
          expect(logged.filter(({ level }) => level === 'error')).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });

  it('of histories larger than one message takes as many as are needed', async () => {
    const cluster = new TestCluster();
    const founders = ['n1', 'n2'];
    const founding = founders.map((node): MembershipRecord => {
      const common = { lamport: 1, author: node, node, store: `store-of-${node}`, weight: 1, zone: 'z' };
      return { kind: 'node.founded', ...common, founders, partitions: 32 };
    });
    const settings = { n: 3, r: 2, w: 2, conflict: 'siblings' } as const;
    const buckets = Array.from({ length: 1300 }, (_, i): MembershipRecord => {
      return { kind: 'bucket.configured', lamport: 2 + i, author: 'n1', bucket: `${i}-${'x'.repeat(120)}`, settings };
    });
    const log = memoryHistoryLog();
    await log.append([...founding, ...buckets].map(encodeRecord));
    await cluster.start('n1', { seeds: founders, log });
    const few = memoryHistoryLog();
    await few.append(founding.map(encodeRecord));
    await cluster.start('n2', { seeds: founders, log: few });
    await cluster.clock.pass(3000);
    expect(cluster.membership('n2').history()).toHaveLength(1302);
    expect(cluster.membership('n2').ring.version).toEqual(cluster.membership('n1').ring.version);
    expect(few.entries).toHaveLength(1302);
  });
});
