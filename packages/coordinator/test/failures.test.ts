import { StoreFullError } from '@ringfort/storage';
import { describe, expect, it } from 'vitest';
import { testCluster } from './support/cluster.ts';
import { bytes, texts } from './support/values.ts';

const at = { bucket: 'b', key: 'k' };
const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );

describe('sloppy quorums', () => {
  it('writes to stand-ins for two known-down primaries, and refuses a strict quorum at once', async () => {
    const cluster = await testCluster();
    const { id, list } = cluster.primariesOf('b', 'k');
    const [first, second, third, fourth, fifth] = list.map((name) => cluster.node(name));
    for (const gone of [second!, third!]) {
      cluster.setDown(gone.id, true);
      await gone.stop();
    }
    const started = cluster.clock.monotonicMs();
    expect(
      await failure(cluster.run(first!.coordinator.put({ ...at, value: bytes('s'), sloppy: false }))),
    ).toMatchObject({
      code: 'QUORUM_UNAVAILABLE',
      details: { required: 2, received: 1, outcome: 'not-applied' },
    });
    expect(cluster.clock.monotonicMs() - started).toBeLessThan(10);
    await cluster.run(first!.coordinator.put({ ...at, value: bytes('v') }));
    await cluster.pass(50);
    expect(texts(await cluster.run(fourth!.coordinator.get(at)))).toEqual(['v']);
    const owed = [fourth!, fifth!].flatMap(({ store }) => store.hintStats().map((h) => h.target));
    expect(owed.sort()).toEqual([second!.id, third!.id].sort());
    expect(fourth!.store.readHint(id)).toBeDefined();
  });

  it('tell membership of a primary that answers and does not serve, and write to a stand-in', async () => {
    const cluster = await testCluster();
    const { id, list } = cluster.primariesOf('b', 'k');
    const [first, second, third, fourth] = list.map((name) => cluster.node(name));
    second!.isServing = false;
    await cluster.run(first!.coordinator.put({ ...at, value: bytes('v'), w: 3 }));
    expect(first!.membership.failures).toEqual([{ node: second!.id, reason: 'refused' }]);
    expect(third!.store.read(id)).toBeDefined();
    expect(fourth!.store.hintStats()).toMatchObject([{ target: second!.id, count: 1 }]);
  });

  it('tells a write that all refused as indeterminate while a hint of it is being kept', async () => {
    const cluster = await testCluster({ nodes: 3 });
    const { id, list } = cluster.primariesOf('b', 'k');
    for (const { store } of cluster.nodes)
      store.submit = (_id, _bytes, _options, done) => queueMicrotask(() => done(new StoreFullError('here'), undefined));
    const { coordinator, store } = cluster.node(list[0]!);
    const writeHint = store.writeHint.bind(store);
    store.writeHint = async (...hint) => {
      await new Promise<void>((resolve) => cluster.clock.setTimeout(resolve, 5));
      return writeHint(...hint);
    };
    expect(
      await failure(cluster.run(coordinator.put({ ...at, value: bytes('v'), w: 1, sloppy: false }))),
    ).toMatchObject({ code: 'QUORUM_UNAVAILABLE', details: { outcome: 'indeterminate' } });
    await cluster.pass(10);
    expect(store.readHint(id)).toBeDefined();
  });

  it('finds out by itself who is gone: a stand-in takes over when nobody responds', async () => {
    const cluster = await testCluster();
    const { list } = cluster.primariesOf('b', 'k');
    await cluster.node(list[1]!).stop();
    await cluster.node(list[2]!).stop();
    const { coordinator, membership } = cluster.node(list[0]!);
    await cluster.run(coordinator.put({ ...at, value: bytes('v') }));
    expect(membership.failures.map((f) => [f.node, f.reason])).toEqual(
      expect.arrayContaining([
        [list[1], 'no-responders'],
        [list[2], 'no-responders'],
      ]),
    );
    expect(texts(await cluster.run(coordinator.get(at)))).toEqual(['v']);
  });

  it('routes round hung replicas within the hedge, and leaves hints for them', async () => {
    const cluster = await testCluster();
    const { list } = cluster.primariesOf('b', 'k');
    const hung = new Set([`node.${list[1]}`, `node.${list[2]}`]);
    cluster.network.setLink((from, to) => (hung.has(to) || hung.has(from) ? [] : [0]));
    const { coordinator } = cluster.node(list[0]!);
    const started = cluster.clock.monotonicMs();
    await cluster.run(coordinator.put({ ...at, value: bytes('v') }));
    expect(cluster.clock.monotonicMs() - started).toBeLessThan(250);
    expect(texts(await cluster.run(coordinator.get(at)))).toEqual(['v']);
    const owed = cluster.nodes.flatMap(({ store }) => store.hintStats().map((h) => h.target));
    expect(owed.sort()).toEqual([list[1], list[2]].sort());
  });

  it('writes with all primaries gone, and hands the writes over when they return', async () => {
    const cluster = await testCluster();
    const { id, list } = cluster.primariesOf('b', 'k');
    const primaries = list.slice(0, 3);
    for (const name of primaries) cluster.setDown(name, true);
    cluster.network.setLink((from, to) =>
      primaries.some((name) => to === `node.${name}` || from === `node.${name}`) ? [] : [0],
    );
    const standIn = cluster.node(list[4]!);
    await cluster.run(standIn.coordinator.put({ ...at, value: bytes('v') }));
    expect(texts(await cluster.run(standIn.coordinator.get(at)))).toEqual(['v']);
    cluster.network.setLink(undefined);
    for (const name of primaries) cluster.setDown(name, false);
    await cluster.pass(5_000);
    const digests = primaries.map((name) => cluster.node(name).store.read(id)?.digest);
    expect(digests[0]).toBeDefined();
    expect(new Set(digests).size).toBe(1);
    expect(cluster.nodes.flatMap(({ store }) => store.hintStats()).filter((h) => h.count > 0)).toEqual([]);
  });

  it('keeps the hint itself where no stand-in is left: three nodes, N=3', async () => {
    const cluster = await testCluster({ nodes: 3 });
    const { id, list } = cluster.primariesOf('b', 'k');
    cluster.setDown(list[2]!, true);
    cluster.network.setLink((from, to) => (to === `node.${list[2]}` || from === `node.${list[2]}` ? [] : [0]));
    await cluster.run(cluster.node(list[0]!).coordinator.put({ ...at, value: bytes('v') }));
    cluster.network.setLink(undefined);
    cluster.setDown(list[2]!, false);
    await cluster.pass(5_000);
    expect(cluster.node(list[2]!).store.read(id)?.digest).toBe(cluster.node(list[0]!).store.read(id)?.digest);
  });

  it('keeps the hint itself at the deadline: nobody would notice that a stand-in which is asked then does not answer', async () => {
    const cluster = await testCluster();
    const { id, list } = cluster.primariesOf('b', 'k');
    const silent = list.slice(2).map((name) => `node.${name}`);
    cluster.network.setLink((from, to) => (silent.includes(to) || silent.includes(from) ? [] : [0]));
    await cluster.run(cluster.node(list[0]!).coordinator.put({ ...at, value: bytes('v') }, { timeoutMs: 100 }));
    await cluster.pass(200);
    cluster.network.setLink(undefined);
    await cluster.pass(5_000);
    expect(cluster.node(list[2]!).store.read(id)?.digest).toBe(cluster.node(list[0]!).store.read(id)?.digest);
  });

  it('refuses further stand-in writes once the hints of a target fill their room', async () => {
    const cluster = await testCluster({ nodes: 5, maxHintBytesPerTarget: 4096 });
    const { list } = cluster.primariesOf('b', 'k');
    for (const name of list.slice(0, 3)) cluster.setDown(name, true);
    cluster.network.setLink((from, to) =>
      list.slice(0, 3).some((name) => to === `node.${name}` || from === `node.${name}`) ? [] : [0],
    );
    const { coordinator } = cluster.node(list[3]!);
    await cluster.run(coordinator.put({ ...at, value: bytes('small') }));
    const refused = await failure(cluster.run(coordinator.put({ ...at, value: new Uint8Array(8192) })));
    expect(refused).toMatchObject({ code: 'HINTS_FULL' });
    expect(texts(await cluster.run(coordinator.get(at)))).toEqual(['small']);
  });
});

describe('requests that cannot be answered', () => {
  it('end by their deadline, writes as indeterminate', async () => {
    const cluster = await testCluster();
    const { list } = cluster.primariesOf('b', 'k');
    const alone = cluster.node(list[0]!);
    cluster.network.setLink(() => []);
    const started = cluster.clock.monotonicMs();
    const put = await failure(cluster.run(alone.coordinator.put({ ...at, value: bytes('v') }, { timeoutMs: 500 })));
    expect(put).toMatchObject({ code: 'DEADLINE_EXCEEDED', details: { outcome: 'indeterminate' } });
    expect(cluster.clock.monotonicMs() - started).toBeLessThanOrEqual(520);
    const get = await failure(cluster.run(alone.coordinator.get(at, { timeoutMs: 500 })));
    expect(get).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(alone.coordinator.stats().inFlight).toBe(0);
  });

  it('serves what R=1 and W=1 allow on a node that is cut off from the bus', async () => {
    const cluster = await testCluster();
    const { list } = cluster.primariesOf('b', 'k');
    for (const name of [list[0]!, list[4]!]) {
      const node = cluster.node(name);
      cluster.network.disconnect(`node.${name}`);
      await cluster.run(node.coordinator.put({ ...at, value: bytes(name), w: 'one' }));
      expect(texts(await cluster.run(node.coordinator.get({ ...at, r: 'one' })))).toEqual([name]);
      expect(await failure(cluster.run(node.coordinator.put({ ...at, value: bytes(name) })))).toMatchObject({
        code: 'QUORUM_UNAVAILABLE',
      });
    }
  });

  it('are refused by name beyond the admission limit, and leave nothing behind', async () => {
    const cluster = await testCluster({ limits: { maxInFlight: 8 } });
    const { coordinator } = cluster.nodes[0]!;
    const outcomes = await cluster.run(
      Promise.allSettled(
        Array.from({ length: 30 }, (_, i) => coordinator.put({ bucket: 'b', key: `k${i}`, value: bytes('v') })),
      ),
    );
    const refused = outcomes.flatMap((o) => (o.status === 'rejected' ? [o.reason.code] : []));
    expect(refused).toEqual(new Array(22).fill('OVERLOADED'));
    await cluster.pass(200);
    expect(coordinator.stats()).toMatchObject({ inFlight: 0, stories: 0 });
  });

  it('are refused by name when they are beyond the limits', async () => {
    const cluster = await testCluster({ limits: { maxSiblings: 2 } });
    const { coordinator } = cluster.nodes[0]!;
    const code = async (work: Promise<unknown>) => ((await failure(cluster.run(work))) as { code: string }).code;
    expect(await code(coordinator.put({ ...at, value: new Uint8Array(512 * 1024 + 1) }))).toBe('VALUE_TOO_LARGE');
    expect(await code(coordinator.get({ bucket: 'b', key: 'x'.repeat(1025) }))).toBe('KEY_TOO_LONG');
    expect(await code(coordinator.get({ bucket: 'b', key: 'ü'.repeat(513) }))).toBe('KEY_TOO_LONG');
    expect(await code(coordinator.get({ bucket: '', key: 'x' }))).toBe('KEY_TOO_LONG');
    expect(await code(coordinator.get({ ...at, r: 4 }))).toBe('INVALID_QUORUM');
    expect(await code(coordinator.put({ ...at, value: bytes('v'), dw: 4 }))).toBe('INVALID_QUORUM');
    expect(await code(coordinator.put({ ...at, value: bytes('v'), context: bytes('nonsense') }))).toBe(
      'INVALID_CONTEXT',
    );
    expect(await code(coordinator.delete({ ...at, context: bytes('') }))).toBe('INVALID_CONTEXT');
    await cluster.run(coordinator.put({ ...at, value: bytes('1') }));
    await cluster.run(coordinator.put({ ...at, value: bytes('2') }));
    expect(await code(coordinator.put({ ...at, value: bytes('3') }))).toBe('TOO_MANY_SIBLINGS');
    expect(texts(await cluster.run(coordinator.get(at)))).toEqual(['1', '2']);
  });
});
