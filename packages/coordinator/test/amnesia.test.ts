import { decodeObject, encodeObject, type VersionedObject } from '@ringfort/versioning';
import { expect, it } from 'vitest';
import { testCluster } from './support/cluster.ts';
import { bytes, texts } from './support/values.ts';

const at = { bucket: 'b', key: 'k' };

it('a store that lost a commit within a run never gives the lost dot again: the alarm is raised, and a fresh actor taken', async () => {
  const cluster = await testCluster();
  const { id, list } = cluster.primariesOf('b', 'k');
  const [first, second] = list.slice(0, 2).map((name) => cluster.node(name));
  const before = await cluster.run(first!.coordinator.put({ ...at, value: bytes('kept') }));
  await cluster.pass(50);
  const rolledBack = first!.store.read(id)!.object.siblings[0]!.dot;
  // What the others hold, and the coordinator's store has lost: the next dot of the same actor.
  const lost: VersionedObject = {
    siblings: [{ dot: { ...rolledBack, counter: rolledBack.counter + 1 }, value: bytes('lost'), contentType: 'x' }],
    clock: { vector: new Map([[rolledBack.actor, rolledBack.counter + 1]]), cloud: new Map() },
  };
  await cluster.run(second!.store.write(id, encodeObject(lost)));
  expect(first!.versioner.run().alarms).toBe(0);
  const repaired = first!.store.write(id, encodeObject(lost));
  await cluster.run(repaired);
  expect(first!.versioner.run().alarms).toBe(1);
  await cluster.run(first!.coordinator.put({ ...at, value: bytes('after'), context: before.context }));
  await cluster.pass(50);
  const held = decodeObject(first!.store.read(id)!.bytes);
  expect(held.siblings.map((sibling) => sibling.dot.actor === rolledBack.actor)).toEqual(
    expect.arrayContaining([true, false]),
  );
  expect(texts(await cluster.run(first!.coordinator.get(at)))).toEqual(['after', 'lost']);
});

it('replica-amnesia: the coordinator loses its copy, a put without context follows, and the last acknowledged write survives', async () => {
  const cluster = await testCluster();
  const { list } = cluster.primariesOf('b', 'k');
  const first = cluster.node(list[0]!);
  await cluster.run(first.coordinator.put({ ...at, value: bytes('acknowledged') }));
  await cluster.pass(50);
  const amnesiac = await cluster.restartEmpty(list[0]!);
  await cluster.run(amnesiac.coordinator.put({ ...at, value: bytes('blind') }));
  await cluster.pass(50);
  expect(texts(await cluster.run(amnesiac.coordinator.get({ ...at, r: 'all' })))).toEqual(['acknowledged', 'blind']);
});
