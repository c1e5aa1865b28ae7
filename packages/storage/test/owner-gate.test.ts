import { type Bus, memoryBus, memoryNetwork } from '@ringfort/bus';
import { virtualClock } from '@ringfort/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Moves,
  memoryStore,
  replicaRead,
  replicaWrite,
  type SlotView,
  type Store,
  serveStorage,
} from '../src/index.ts';
import { blind, bytesOf } from './support/objects.ts';

const partition = 1;
const before = 7;
const after = 8;

/**
 * A hand-over from `a` to `d` as docs/protocols/hand-over.md has it, with a driver that does no more than it must: it copies what lies in the
 * store at one moment, compares, and writes its record, which takes a while.
 */
class HandOver implements Moves, SlotView {
  readonly a: Store;
  readonly d: Store;
  phase: 'idle' | 'copying' | 'recording' | 'done' = 'idle';
  #dirty = false;

  constructor(a: Store, d: Store) {
    this.a = a;
    this.d = d;
  }

  forwardTo = () => (this.phase === 'copying' || this.phase === 'recording' ? 'd' : undefined);
  missed = () => {
    this.#dirty = true;
    return this.phase !== 'recording';
  };
  slotVersion = () => (this.phase === 'done' ? after : before);
  isOwner = () => this.phase !== 'done';
  isKnown = () => true;
  ringVersion = () => ({ size: this.slotVersion(), digest: '0'.repeat(16) });

  async goOn(): Promise<void> {
    if (this.phase === 'done') return;
    if (this.phase === 'recording') this.phase = 'done';
    else if (this.phase === 'idle' || this.#dirty) await this.#copy();
    else if (this.phase === 'copying' && this.a.root(partition) === this.d.root(partition)) this.phase = 'recording';
  }

  async #copy(): Promise<void> {
    this.phase = 'copying';
    this.#dirty = false;
    const { items } = this.a.fold({ partition }, { maxItems: 1000, maxBytes: 1_000_000 });
    await Promise.all(items.map(({ id, record }) => this.d.write(id, record!.bytes)));
  }
}

function served(id: string, store: Store, bus: Bus, move?: HandOver) {
  return serveStorage({ bus, nodeId: id, store, ...(move && { slots: move, moves: move }) });
}

async function play(steps: readonly string[]): Promise<{ acknowledged: number; refused: number; done: boolean }> {
  const clock = virtualClock();
  const network = memoryNetwork({ clock });
  const bus = (self: string) => memoryBus({ network, cluster: 'test', self });
  const [a, d] = [memoryStore({ clock, syncDelayMs: 2 }), memoryStore({ clock, syncDelayMs: 2 })];
  const move = new HandOver(a, d);
  const parts = [served('a', a, bus('node.a'), move), served('d', d, bus('node.d'))];
  const asker = bus('node.c');
  const acknowledged: string[] = [];
  const ends: Promise<void>[] = [];
  let refused = 0;
  const write = () => {
    const key = `k${ends.length}`;
    const request = { partition, bucket: 'b', key, object: bytesOf(blind(`c-${key}`, 1, key)), slots: before };
    const isDone = move.phase === 'done';
    const asked = asker.request('node.a.storage', replicaWrite, request, { timeoutMs: 2_000 });
    const ended = asked.then(
      () => {
        expect(isDone).toBe(false);
        acknowledged.push(key);
        if (move.phase === 'done') expect(d.read({ partition, bucket: 'b', key }), key).toBeDefined();
      },
      (error) => {
        expect(error).toMatchObject({ code: 'STALE_SLOTS', details: { asked: before } });
        if (isDone) expect(error.details.stored).toBeUndefined();
        refused += 1;
      },
    );
    ends.push(ended);
  };
  for (const step of steps) {
    if (step === 'write') write();
    else if (step === 'wait') await clock.advanceAsync(1);
    else if (step === 'pause') await clock.advanceAsync(500);
    else if (step === 'cut' || step === 'mend')
      network.setLink((from, to) => (step === 'cut' && (from === 'node.d' || to === 'node.d') ? [] : [0]));
    else {
      const wasDone = move.phase === 'done';
      const gone = move.goOn();
      for (let i = 0; i < 10; i++) await clock.advanceAsync(1);
      await gone;
      if (!wasDone && move.phase === 'done')
        for (const key of acknowledged) expect(d.read({ partition, bucket: 'b', key }), key).toBeDefined();
    }
  }
  await clock.advanceAsync(3_000);
  await Promise.all(ends);
  expect(acknowledged.length + refused).toBe(ends.length);
  const closed = Promise.all(parts.map((part) => part.close()));
  await clock.advanceAsync(100);
  await closed;
  return { acknowledged: acknowledged.length, refused, done: move.phase === 'done' };
}

describe('an owner that hands its slot over', () => {
  it('has acknowledged nothing that the next owner lacks when it stops, whatever is lost on the way', async () => {
    const step = fc.constantFrom('write', 'write', 'write', 'wait', 'wait', 'pause', 'cut', 'mend', 'goOn', 'goOn');
    const tally = { acknowledged: 0, refused: 0, done: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), async (steps) => {
        const { acknowledged, refused, done } = await play(steps);
        tally.acknowledged += acknowledged;
        tally.refused += refused;
        tally.done += done ? 1 : 0;
      }),
      { numRuns: 150, endOnFailure: true },
    );
    expect(tally.acknowledged).toBeGreaterThan(300);
    expect(tally.refused).toBeGreaterThan(20);
    expect(tally.done).toBeGreaterThan(20);
  });
});

describe('a node that is asked as an owner', () => {
  it('answers only where it is one, at the version that it knows; otherwise it answers whoever asks', async () => {
    const network = memoryNetwork();
    const bus = (self: string) => memoryBus({ network, cluster: 'test', self });
    const store = memoryStore();
    let owner = true;
    const slots: SlotView = {
      slotVersion: () => before,
      isOwner: () => owner,
      isKnown: (node) => node === 'a',
      ringVersion: () => ({ size: 3, digest: 'f'.repeat(16) }),
    };
    const part = serveStorage({ bus: bus('node.a'), nodeId: 'a', store, slots });
    const asker = bus('node.c');
    const id = { partition, bucket: 'b', key: 'k' };
    const read = (asked?: number) =>
      asker.request(
        'node.a.storage',
        replicaRead,
        { ...id, ...(asked !== undefined && { slots: asked }) },
        { timeoutMs: 500 },
      );
    expect(await read(before)).toEqual({});
    await expect(read(after)).rejects.toMatchObject({
      code: 'STALE_SLOTS',
      details: { partition, asked: after, known: before, ring: { size: 3, digest: 'f'.repeat(16) } },
    });
    owner = false;
    await expect(read(before)).rejects.toMatchObject({ code: 'STALE_SLOTS' });
    expect(await read()).toEqual({});
    const hint = (target: string) => {
      const request = { ...id, object: bytesOf(blind('c-1', 1, 'x')), owedTo: [target] };
      return asker.request('node.a.storage', replicaWrite, request, { timeoutMs: 500 });
    };
    await hint('a');
    await expect(hint('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_TARGET', details: { target: 'nobody' } });
    expect(store.hintStats().map(({ target }) => target)).toEqual(['a']);
    await part.close();
  });
});
