import { mayRecord, partitionOf } from '@ringfort/ring';
import { replicaRead, replicaWrite } from '@ringfort/storage';
import { encodeObject, updateObject } from '@ringfort/versioning';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChangingCluster } from './support/changing.ts';
import { bytes, texts } from './support/values.ts';

const keys = ['k1', 'k2', 'k3'];
const at = (key: string) => ({ bucket: 'b', key });
const partitionOfKey = (key: string) => partitionOf('b', key, 8);
const strict = { sloppy: false } as const;

interface Tally {
  writes: number;
  reads: number;
  failed: number;
  handedOver: number;
  successions: number;
  syncs: number;
}

/** One history: what clients do, what nodes tell one another, and what operators and drivers of hand-overs write, in any order. */
class Story {
  readonly #world: ChangingCluster;
  readonly #tally: Tally;
  readonly #acknowledged = new Map<string, Set<string>>(keys.map((key) => [key, new Set()]));
  readonly ends: Promise<void>[] = [];
  #written = 0;

  constructor(world: ChangingCluster, tally: Tally) {
    this.#world = world;
    this.#tally = tally;
  }

  /** A member by its own view, which coordinates by it, however old it is. */
  #coordinator(draw: number) {
    const able = this.#world.cluster.nodes.filter(
      ({ id }) => !this.#world.stopped.has(id) && this.#world.member(id).isMember,
    );
    return able[draw % able.length]!.coordinator;
  }

  write(draw: number): void {
    const key = keys[draw % keys.length]!;
    const value = `v${this.#written++}`;
    const asked = { ...at(key), ...strict, value: bytes(value) };
    this.ends.push(
      this.#coordinator(draw >>> 3)
        .put(asked, { timeoutMs: 1_000 })
        .then(
          () => {
            this.#acknowledged.get(key)!.add(value);
            this.#tally.writes += 1;
          },
          (error) => this.#failed(error),
        ),
    );
  }

  read(draw: number): void {
    const key = keys[draw % keys.length]!;
    const due = [...this.#acknowledged.get(key)!];
    this.ends.push(
      this.#coordinator(draw >>> 3)
        .get({ ...at(key), ...strict }, { timeoutMs: 1_000 })
        .then(
          (reply) => {
            expect(texts(reply), `${key} is read whole`).toEqual(expect.arrayContaining(due));
            this.#tally.reads += 1;
          },
          (error) => this.#failed(error),
        ),
    );
  }

  #failed(error: { code?: string }): void {
    expect(['QUORUM_UNAVAILABLE', 'DEADLINE_EXCEEDED', 'TOO_MANY_HOPS', 'NO_RESPONDERS', 'NOT_SERVING']).toContain(
      error.code,
    );
    this.#tally.failed += 1;
  }

  gossip(draw: number): void {
    const ids = [...this.#world.memberships.keys()];
    this.#world.exchange(ids[draw % ids.length]!, ids[(draw >>> 4) % ids.length]!);
  }

  hand(draw: number): Promise<void> | undefined {
    const world = this.#world;
    const ready = keys.flatMap((key) => {
      const partition = partitionOfKey(key);
      return [...world.memberships].flatMap(([id, { ring }]) => {
        const move = ring.moves(partition)[0];
        return move !== undefined && mayRecord(move, id) ? [{ id, partition }] : [];
      });
    });
    const one = ready[draw % Math.max(1, ready.length)];
    return one === undefined ? undefined : world.handOver(one.id, one.partition);
  }

  /** At most one death at a time in each partition, and never fewer than four that stay. */
  change(draw: number): void {
    const world = this.#world;
    const { whole } = world;
    const by = [...world.memberships.keys()][(draw >>> 3) % world.memberships.size]!;
    const { ring } = world.member(by);
    if (ring.node(by) === undefined || world.stopped.has(by)) return;
    const spare = [...world.memberships.keys()].filter((id) => whole.node(id) === undefined && !isRetired(world, id));
    const stay = whole.nodes.filter((node) => !node.leaving);
    // Mostly somebody whose going moves one of the partitions.
    const owners = whole.owners(partitionOfKey(keys[draw % keys.length]!)).filter((id) => !whole.node(id)!.leaving);
    const other = draw % 4 > 0 ? owners[(draw >>> 6) % owners.length] : stay[(draw >>> 6) % stay.length]!.id;
    if (other === undefined) return;
    const common = { author: by, node: other };
    const kind = (draw >>> 2) % 3;
    if (kind === 0 && spare.length > 0) {
      const node = spare[(draw >>> 6) % spare.length]!;
      world.author(by, (lamport) => ({
        kind: 'node.added',
        author: by,
        node,
        lamport,
        store: node,
        weight: 1,
        zone: 'a',
      }));
    } else if (stay.length <= 4 || other === by) return;
    else if (kind === 1) world.author(by, (lamport) => ({ kind: 'node.leaving', ...common, lamport }));
    else if (keys.every((key) => whole.owners(partitionOfKey(key)).length === 3)) {
      if (draw & 0x1000) this.#stop(other);
      world.author(by, (lamport) => ({ kind: 'node.removed', ...common, lamport }));
    }
  }

  #stop(id: string): void {
    this.#world.stopped.add(id);
    this.#world.cluster.node(id).isServing = false;
  }
}

function isRetired(world: ChangingCluster, id: string): boolean {
  return world.records.some((record) => record.kind === 'node.removed' && record.node === id);
}

const step = fc.record({
  what: fc.constantFrom(
    ...['gossip', 'hand', 'hand', 'hand', 'hand'],
    ...['write', 'write', 'read', 'read', 'wait', 'change'],
  ),
  draw: fc.nat(1_000_000),
  ms: fc.integer({ min: 0, max: 4 }),
});

async function play(steps: readonly { what: string; draw: number; ms: number }[], tally: Tally): Promise<void> {
  const world = await ChangingCluster.make(5, 8, steps[0]!.draw);
  const story = new Story(world, tally);
  for (const { what, draw, ms } of steps) {
    if (what === 'gossip') story.gossip(draw);
    else if (what === 'hand') void story.hand(draw);
    else if (what === 'write') story.write(draw);
    else if (what === 'read') story.read(draw);
    else if (what === 'change') story.change(draw);
    await world.cluster.clock.advanceAsync(ms);
  }
  await world.cluster.clock.advanceAsync(1_500);
  await Promise.all(story.ends);
  const handed = world.records.filter((record) => record.kind === 'slot.handedOver');
  tally.handedOver += handed.length;
  tally.successions += handed.filter((record) => 'witnesses' in record).length;
  for (const { syncs } of world.memberships.values()) tally.syncs += syncs;
}

describe('a cluster whose owners change under load', () => {
  it('shows to strict reads what strict writes were acknowledged before, whoever knows what', async () => {
    const tally: Tally = { writes: 0, reads: 0, failed: 0, handedOver: 0, successions: 0, syncs: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 160, size: 'max' }), (steps) => play(steps, tally)),
      { numRuns: 30, endOnFailure: true },
    );
    expect(tally.writes).toBeGreaterThan(200);
    expect(tally.reads).toBeGreaterThan(200);
    expect(tally.handedOver).toBeGreaterThan(15);
    expect(tally.successions).toBeGreaterThan(5);
    expect(tally.syncs).toBeGreaterThan(30);
  }, 60_000);
});

/** The first owner of `k1` has handed its slot over, and nobody but it and the next owner has heard of it. */
async function handedOver() {
  const world = await ChangingCluster.make(5, 5);
  const partition = partitionOfKey('k1');
  const former = [...world.whole.owners(partition)];
  const [from, second, third] = former as [string, string, string];
  world.author(from, (lamport) => ({ kind: 'node.leaving', author: from, node: from, lamport }));
  const to = world.whole.moves(partition)[0]!.to!;
  const others = world.whole.nodes.map(({ id }) => id).filter((id) => id !== from && id !== to);
  world.exchange(from, to);
  for (let turn = 0; turn < 2; turn++) await world.cluster.run(world.handOver(from, partition));
  world.exchange(from, to);
  expect(world.whole.owners(partition)).toEqual([to, second, third]);
  const stranger = others.find((id) => !former.includes(id))!;
  const { cluster } = world;
  return {
    world,
    cluster,
    partition,
    from,
    to,
    second,
    third,
    stranger,
    coordinator: cluster.node(second).coordinator,
  };
}

describe('a slot that has been handed over', () => {
  it('is refused by its former owner, as an owner, at either version', async () => {
    const { world, cluster, partition, from, second, to } = await handedOver();
    const { bus } = cluster.node(second);
    const id = { partition, bucket: 'b', key: 'k1' };
    for (const knower of [second, to]) {
      const slots = world.member(knower).ring.slotVersion(partition);
      const read = bus.request(`node.${from}.storage`, replicaRead, { ...id, slots }, { timeoutMs: 500 });
      await expect(cluster.run(read)).rejects.toMatchObject({ code: 'STALE_SLOTS', details: { asked: slots } });
      const write = { ...id, object: new Uint8Array(1), slots };
      const written = bus.request(`node.${from}.storage`, replicaWrite, write, { timeoutMs: 500 });
      await expect(cluster.run(written)).rejects.toMatchObject({ code: 'STALE_SLOTS', details: { asked: slots } });
    }
    expect(cluster.node(from).store.read(id)).toBeUndefined();
  });

  it('is written and read at its new owner by a coordinator that had not heard of it, which tells the others', async () => {
    const { world, cluster, partition, second, third, to, coordinator } = await handedOver();
    await cluster.run(coordinator.put({ ...at('k1'), ...strict, value: bytes('v'), w: 3 }));
    expect(cluster.node(to).store.read({ partition, bucket: 'b', key: 'k1' })).toBeDefined();
    expect(texts(await cluster.run(coordinator.get({ ...at('k1'), ...strict, r: 3 })))).toEqual(['v']);
    for (const id of [second, third])
      expect(world.member(id).ring.slotVersion(partition)).toBe(world.whole.slotVersion(partition));
    expect(world.member(second).syncs).toBe(2);
    expect((await cluster.run(coordinator.keys({ bucket: 'b', limit: 10 }))).keys).toEqual(['k1']);
  });

  it('makes a forwarded request go to who owns it now', async () => {
    const { world, cluster, partition, stranger, to } = await handedOver();
    const { coordinator } = cluster.node(stranger);
    await cluster.run(coordinator.put({ ...at('k1'), ...strict, value: bytes('v'), w: 3 }));
    expect(world.member(stranger).ring.slotVersion(partition)).toBe(world.whole.slotVersion(partition));
    expect(cluster.node(to).store.read({ partition, bucket: 'b', key: 'k1' })).toBeDefined();
  });

  it('fails what needs a node whose history cannot be made the same, by name and before the deadline', async () => {
    const { world, cluster, second, coordinator } = await handedOver();
    world.keepApart(second);
    const put = coordinator.put({ ...at('k1'), ...strict, value: bytes('v'), w: 3 });
    const error = await cluster.run(
      put.then(
        () => expect.unreachable(),
        (failure: unknown) => failure,
      ),
    );
    expect(error).toMatchObject({ code: 'QUORUM_UNAVAILABLE', details: { received: 2, causes: ['STALE_SLOTS'] } });
    expect(world.member(second).syncs).toBeLessThan(10);
  });

  it('has its new owner get the hints that were owed to the former one', async () => {
    const { world, cluster, partition, from, to, second, third, stranger } = await handedOver();
    world.exchange(stranger, to);
    const id = { partition, bucket: 'b', key: 'k1' };
    const payload = { value: bytes('v'), contentType: 'text/plain' };
    const object = encodeObject(updateObject(undefined, undefined, { actor: 's-1', counter: 1 }, payload));
    const { store } = cluster.node(stranger);
    await cluster.run(store.writeHint(id, object, [from]));
    // Until the others have heard of it too, they refuse, and are told.
    await cluster.pass(5_000);
    expect(store.hintStats()).toEqual([]);
    for (const owner of [to, second, third]) expect(cluster.node(owner).store.read(id), owner).toBeDefined();
    expect(cluster.node(from).store.read(id)).toBeUndefined();
  });
});
