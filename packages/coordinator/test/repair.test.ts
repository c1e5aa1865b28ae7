import { describe, expect, it } from 'vitest';
import { testCluster } from './support/cluster.ts';
import { bytes, texts } from './support/values.ts';

const at = { bucket: 'b', key: 'k' };

describe('read repair', () => {
  it('makes stale and empty primaries equal after one read', async () => {
    const cluster = await testCluster();
    const { id, list } = cluster.primariesOf('b', 'k');
    const [a, b, c] = list.slice(0, 3).map((name) => cluster.node(name));
    cluster.network.setLink((from, to) => (to === `node.${c!.id}` || from === `node.${c!.id}` ? [] : [0]));
    cluster.setDown(c!.id, true);
    await cluster.run(a!.coordinator.put({ ...at, value: bytes('v') }));
    // The hints are lost, and only the read is left to repair.
    for (const node of cluster.nodes) {
      for (const hint of node.store.hints(c!.id, undefined, { maxItems: 10, maxBytes: 1e6 }).items) {
        await cluster.run(node.store.hintDelivered(hint.id, c!.id, hint.digest));
      }
    }
    cluster.network.setLink(undefined);
    cluster.setDown(c!.id, false);
    await cluster.pass(2_000);
    expect(c!.store.read(id)).toBeUndefined();
    expect(texts(await cluster.run(b!.coordinator.get(at)))).toEqual(['v']);
    await cluster.pass(100);
    expect(c!.store.read(id)?.digest).toBe(a!.store.read(id)?.digest);
    expect(b!.coordinator.stats().readRepairs).toBe(1);
  });

  it('asks R for each read, and the others once for many reads, a moment later', async () => {
    const cluster = await testCluster({ nodes: 3 });
    const [reader, second, third] = cluster.primariesOf('b', 'k0').list.map((name) => cluster.node(name));
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    const ids = keys.map((key) => cluster.primariesOf('b', key).id);
    for (const key of keys) await cluster.run(reader!.coordinator.put({ bucket: 'b', key, value: bytes(key) }));
    await cluster.pass(100);
    let frames = 0;
    cluster.network.setLink(() => {
      frames += 1;
      return [0];
    });
    const readAll = async () => {
      for (const key of [...keys, ...keys])
        expect(texts(await cluster.run(reader!.coordinator.get({ bucket: 'b', key, r: 1 })))).toEqual([key]);
    };
    await readAll();
    await cluster.pass(200);
    expect(frames).toBeGreaterThan(0);
    expect(frames).toBeLessThan(keys.length);
    for (const node of [second!, third!]) await cluster.restartEmpty(node.id);
    await readAll();
    await cluster.pass(200);
    for (const id of ids) {
      const digests = [reader, second, third].map((node) => cluster.node(node!.id).store.read(id)?.digest);
      expect(new Set(digests).size).toBe(1);
    }
    expect(reader!.coordinator.stats().readRepairs).toBe(2 * keys.length);
  });

  it('asks who stands in for an owner that was taken for up, as soon as that turns out to be wrong', async () => {
    const cluster = await testCluster();
    const { id, list } = cluster.primariesOf('b', 'k');
    const [reader, writer, gone, standIn] = list.slice(0, 4).map((name) => cluster.node(name));
    await cluster.run(reader!.coordinator.put({ ...at, value: bytes('old') }));
    await cluster.pass(100);
    await gone!.stop();
    cluster.setDown(gone!.id, true);
    // Of the newer write only the stand-in is left: its coordinator forgets it, and the reader never got it.
    cluster.network.setLink((from, to) => (to === `node.${reader!.id}` && from === `node.${writer!.id}` ? [] : [0]));
    await cluster.run(writer!.coordinator.put({ ...at, value: bytes('new') }));
    cluster.network.setLink(undefined);
    expect(standIn!.store.readHint(id)).toBeDefined();
    await cluster.restartEmpty(writer!.id);
    reader!.membership.setDown(gone!.id, false);
    reader!.membership.reportFailure = (node) => reader!.membership.setDown(node, true);
    expect(texts(await cluster.run(reader!.coordinator.get(at)))).toEqual(['old']);
    await cluster.pass(200);
    expect(texts(await cluster.run(reader!.coordinator.get(at)))).toEqual(['new', 'old']);
    expect(cluster.node(writer!.id).store.read(id)?.digest).toBe(reader!.store.read(id)?.digest);
  });

  it('unites divergent copies: concurrent writes on both sides of a cut become siblings everywhere', async () => {
    const cluster = await testCluster({ nodes: 4 });
    const { id, list } = cluster.primariesOf('b', 'k');
    const left = new Set(list.slice(0, 2));
    const side = (identity: string) => left.has(identity.slice('node.'.length));
    cluster.network.setLink((from, to) => (side(from) === side(to) ? [0] : []));
    for (const one of cluster.nodes) {
      for (const other of cluster.nodes) one.membership.setDown(other.id, left.has(one.id) !== left.has(other.id));
    }
    await cluster.run(cluster.node(list[0]!).coordinator.put({ ...at, value: bytes('left') }));
    await cluster.run(cluster.node(list[2]!).coordinator.put({ ...at, value: bytes('right') }));
    cluster.network.setLink(undefined);
    for (const { id: name } of cluster.nodes) cluster.setDown(name, false);
    await cluster.pass(5_000);
    const digests = list.slice(0, 3).map((name) => cluster.node(name).store.read(id)?.digest);
    expect(new Set(digests).size).toBe(1);
    expect(texts(await cluster.run(cluster.nodes[0]!.coordinator.get(at)))).toEqual(['left', 'right']);
  });
});

describe('listing and inspection', () => {
  it('lists every live key exactly once, page by page', async () => {
    const cluster = await testCluster();
    const { coordinator } = cluster.nodes[0]!;
    const names = Array.from({ length: 137 }, (_, i) => `key-${i}`);
    await cluster.run(Promise.all(names.map((key) => coordinator.put({ bucket: 'b', key, value: bytes('v') }))));
    await cluster.run(coordinator.put({ bucket: 'other', key: 'elsewhere', value: bytes('v') }));
    await cluster.run(coordinator.delete({ bucket: 'b', key: 'key-5' }));
    await cluster.pass(100);
    for (const limit of [1, 10, 1000]) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await cluster.run(
          coordinator.keys({ bucket: 'b', limit, ...(cursor === undefined ? {} : { cursor }) }),
        );
        expect(page.keys.length).toBeLessThanOrEqual(limit);
        seen.push(...page.keys);
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(seen.sort()).toEqual(names.filter((name) => name !== 'key-5').sort());
    }
    await expect(cluster.run(coordinator.keys({ bucket: 'b', limit: 1, cursor: 'x' }))).rejects.toMatchObject({
      code: 'INVALID_CURSOR',
    });
  });

  it('shows what each primary holds, and which cannot be asked', async () => {
    const cluster = await testCluster();
    const { list } = cluster.primariesOf('b', 'k');
    await cluster.run(cluster.nodes[0]!.coordinator.put({ ...at, value: bytes('v') }));
    await cluster.pass(50);
    await cluster.node(list[1]!).stop();
    const seen = await cluster.run(cluster.node(list[0]!).coordinator.replicas(at));
    expect(seen.preferenceList).toEqual(list);
    expect(seen.replicas.map((r) => r.node)).toEqual(list.slice(0, 3));
    expect(seen.replicas[1]).toEqual({ node: list[1], error: 'NO_RESPONDERS' });
    expect(seen.replicas[0]).toMatchObject({ siblings: 1, tombstone: false, digest: seen.replicas[2]!.digest });
  });
});
