import { partitionOf } from '@ringfort/ring';
import { encodeObject, makeContext } from '@ringfort/versioning';
import { describe, expect, it } from 'vitest';
import { type DiskFate, SimCluster } from '../../sim/cluster.ts';
import { Dots } from '../../sim/dots.ts';
import { EventLog } from '../../sim/event-log.ts';
import { drawPlan } from '../../sim/plan.ts';
import { BUCKET } from '../../sim/sim-client.ts';
import { SimNetwork } from '../../sim/sim-network.ts';
import { watchers } from '../../sim/watched-store.ts';
import { seededRandom, virtualClock } from '../../src/index.ts';

const id = { partition: partitionOf(BUCKET, 'k0', 8), bucket: BUCKET, key: 'k0' };
const object = encodeObject({
  siblings: [{ dot: { actor: 'a', counter: 1 }, value: Buffer.from('v1'), contentType: '' }],
  clock: makeContext([['a', 1]]),
});

/** A founded cluster, of which one node has a record on its disk. */
async function world() {
  const clock = virtualClock();
  const random = seededRandom(1);
  const log = new EventLog(clock.monotonicMs, false);
  const dots = new Dots(log);
  const cluster = new SimCluster(
    { ...drawPlan(1, 'calm'), partitions: 8 },
    {
      clock,
      log,
      network: new SimNetwork(clock, random.fork(), log),
      watcher: watchers([dots]),
      seeds: ['n1', 'n2', 'n3'],
      partitions: 8,
      durability: 'fsync',
      maxHintBytesPerTarget: 1_000,
      limits: {},
      antiEntropyMs: 0,
      collectMs: 0,
      courtesyMs: 0,
      scrubMs: 0,
    },
    {
      clients: [],
      dots,
      random,
      onFault: (error) => {
        throw error;
      },
    },
  );
  for (const node of cluster.nodes) cluster.start(node);
  await clock.advanceAsync(5_000);
  const [node] = cluster.nodes;
  const written = node!.life!.store.write(id, object);
  await clock.advanceAsync(10);
  await written;
  return { clock, cluster, dots, node: node! };
}

describe('what a disk forgets when its machine goes down', () => {
  for (const fate of ['tail lost', 'replaced'] satisfies DiskFate[])
    it(`is noted when the store is still being opened: ${fate}`, async () => {
      for (const isOpen of [true, false]) {
        const { cluster, dots, node } = await world();
        if (!isOpen) {
          cluster.crash(node, true, 'kept');
          cluster.start(node);
        }
        expect(dots.of('k0', 'v1')).toEqual({ flushed: 0, any: 0 });
        expect(node.life !== undefined).toBe(isOpen);
        cluster.crash(node, true, fate);
        expect(dots.of('k0', 'v1')).toEqual({ flushed: 1, any: 1 });
      }
    });
});
