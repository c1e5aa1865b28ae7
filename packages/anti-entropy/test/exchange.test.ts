import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { after, blind, contentOf, TwoSides } from './support/sides.ts';

let sides: TwoSides;
afterEach(() => sides.close());

/** What two stores hold: per key, what is on one side, on both, or differs in one way or another. */
const kinds = ['left', 'right', 'same', 'left is newer', 'right is newer', 'concurrent'] as const;
interface Drawn {
  readonly bucket: string;
  readonly key: string;
  readonly kind: (typeof kinds)[number];
  readonly size: number;
}
const record: fc.Arbitrary<Drawn> = fc.record({
  bucket: fc.constantFrom('a', 'b', 'a\u0000b', 'ü'),
  key: fc.oneof(
    fc.integer({ min: 0, max: 400 }).map(String),
    fc.string({ minLength: 1, maxLength: 4, unit: 'grapheme' }),
  ),
  kind: fc.constantFrom(...kinds),
  size: fc.constantFrom(1, 40, 900),
});

async function fill({ n1, n2 }: TwoSides, records: readonly Drawn[]): Promise<void> {
  for (const [index, { bucket, key, kind, size }] of records.entries()) {
    const first = blind(`a-${index}`, 1, 'x'.repeat(size));
    const write = (side: typeof n1, object: typeof first) => sides.write(side, key, object, bucket);
    if (kind !== 'right') await write(n1, first);
    if (kind !== 'left') await write(n2, kind === 'concurrent' ? blind(`b-${index}`, 1, 'y'.repeat(size)) : first);
    if (kind === 'left is newer') await write(n1, after(first, `a-${index}`, 2, 'z'.repeat(size)));
    if (kind === 'right is newer') await write(n2, after(first, `a-${index}`, 2, 'z'.repeat(size)));
  }
}

const limits = fc.record({
  maxFrameBytes: fc.constantFrom(100, 2000, 256 * 1024),
  maxFrameItems: fc.constantFrom(1, 5, 256),
  maxListItems: fc.constantFrom(1, 7, 512),
  lookedAtPerTurn: fc.constantFrom(1, 16, 256),
  settleMs: fc.constantFrom(0, 1000),
});

describe('an exchange', () => {
  it('makes any two stores byte-identical, and a further one moves nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 120 }), limits, async (records, drawn) => {
        sides = new TwoSides({ limits: drawn });
        await fill(sides, records);
        const [before1, before2] = [contentOf(sides.n1.store, 7), contentOf(sides.n2.store, 7)];
        const first = await sides.exchange();
        expect(first).toMatchObject({ completed: true, error: undefined });
        expect(contentOf(sides.n1.store, 7)).toEqual(contentOf(sides.n2.store, 7));
        for (const name of [...before1.keys(), ...before2.keys()])
          expect(contentOf(sides.n1.store, 7).has(name)).toBe(true);
        expect(await sides.exchange()).toMatchObject({
          completed: true,
          sent: 0,
          received: 0,
          bytesSent: 0,
          bytesReceived: 0,
        });
        expect(sides.faults).toEqual([]);
        await sides.close();
      }),
      { numRuns: 60 },
    );
  });

  it('keeps both of two concurrent values, on both sides', async () => {
    sides = new TwoSides();
    await sides.write(sides.n1, 'k', blind('a-1', 1, 'milk'));
    await sides.write(sides.n2, 'k', blind('b-1', 1, 'bread'));
    await sides.exchange();
    for (const { store } of [sides.n1, sides.n2]) {
      const values = store.read({ partition: 7, bucket: 'b', key: 'k' })!.object.siblings;
      expect(values.map(({ value }) => new TextDecoder().decode(value)).sort()).toEqual(['bread', 'milk']);
    }
  });

  it('ends, and makes equal when tried again, whatever frames are lost, sent twice or overtaken', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 60 }), fc.integer(), async (records, seed) => {
        const faults = { drop: 0.15, duplicate: 0.3, reorder: 0.3, reorderMs: 300, delayMs: [1, 20] as const };
        sides = new TwoSides({ seed, faults, limits: { timeoutMs: 500, maxFrameBytes: 1000, maxListItems: 9 } });
        await fill(sides, records);
        for (let tries = 0; tries < 60 && !sides.areEqual; tries++) {
          const { completed, error } = await sides.exchange();
          if (!completed) expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
        }
        sides.faulty.heal();
        await sides.exchange();
        expect(contentOf(sides.n1.store, 7)).toEqual(contentOf(sides.n2.store, 7));
        expect(await sides.exchange()).toMatchObject({ completed: true, sent: 0, received: 0 });
        await sides.close();
      }),
      { numRuns: 25 },
    );
  });

  it('loses nothing when the other side dies in the middle, and goes on with its next life', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), async (afterMs) => {
        sides = new TwoSides({
          faults: { delayMs: [1, 3] },
          limits: { timeoutMs: 400, maxFrameBytes: 600, maxListItems: 20 },
        });
        const records = Array.from({ length: 80 }, (_, i) => ({
          bucket: 'b',
          key: `${i}`,
          kind: kinds[i % 6]!,
          size: 40,
        }));
        await fill(sides, records);
        const names = new Set([...contentOf(sides.n1.store, 7).keys(), ...contentOf(sides.n2.store, 7).keys()]);
        const running = sides.begin();
        await sides.clock.advanceAsync(afterMs);
        sides.restartN2();
        await sides.run(running.outcome);
        await sides.exchange();
        await sides.exchange();
        expect(contentOf(sides.n1.store, 7)).toEqual(contentOf(sides.n2.store, 7));
        expect(new Set(contentOf(sides.n1.store, 7).keys())).toEqual(names);
        await sides.close();
      }),
      { numRuns: 20 },
    );
  });

  it('moves nothing for a difference that is gone a moment later', async () => {
    sides = new TwoSides({ limits: { settleMs: 1000 } });
    const object = blind('a-1', 1, 'on its way');
    await sides.write(sides.n1, 'k', object);
    const { outcome } = sides.begin();
    await sides.clock.advanceAsync(100);
    await sides.write(sides.n2, 'k', object);
    expect(await sides.run(outcome)).toMatchObject({ completed: true, sent: 0, received: 0 });
  });

  it('goes round an object that fits into no message, and says so', async () => {
    sides = new TwoSides();
    const megabytes = (actor: string) => blind(actor, 1, 'x'.repeat(17 * 1024 * 1024));
    for (const key of ['a', 'z']) await sides.write(sides.n1, key, blind('a-1', 1, key));
    for (const key of ['b', 'y']) await sides.write(sides.n2, key, blind('a-1', 1, key));
    await sides.write(sides.n1, 'k', megabytes('a-1'));
    await sides.write(sides.n2, 'l', megabytes('b-1'));
    expect(await sides.exchange()).toMatchObject({ completed: true });
    expect(sides.faults.map((fault) => [(fault as { code?: string }).code, fault.message.slice(0, 3)])).toEqual([
      ['OBJECT_TOO_LARGE', 'b/k'],
      ['OBJECT_TOO_LARGE', 'b/l'],
    ]);
    const both = ['b/a', 'b/b', 'b/y', 'b/z'];
    expect([...contentOf(sides.n1.store, 7).keys()]).toEqual(expect.arrayContaining(both));
    expect([...contentOf(sides.n2.store, 7).keys()]).toEqual(expect.arrayContaining(both));
  });

  it('is refused by a side that has taken part in another collection', async () => {
    sides = new TwoSides();
    await sides.write(sides.n1, 'k', blind('a-1', 1, 'v'));
    const { store } = sides.n2;
    await store.raiseBarrier(7, 3);
    expect(await sides.exchange()).toMatchObject({ completed: false, error: { code: 'BARRIER_MISMATCH' } });
    expect(contentOf(store, 7).size).toBe(0);
  });
});

describe('what it costs', () => {
  const keys = 5_000;
  async function diverged(count: number): Promise<void> {
    sides = new TwoSides();
    const same = blind('a-1', 1, 'v'.repeat(200));
    const others = new Set(Array.from({ length: count }, (_, i) => Math.floor((i * keys) / count)));
    await Promise.all(
      Array.from({ length: keys }, async (_, i) => {
        const key = `key-${i}`;
        await sides.write(sides.n1, key, same);
        if (!others.has(i)) await sides.write(sides.n2, key, same);
      }),
    );
  }
  async function cost(): Promise<{ messages: number; bytes: number; moved: number }> {
    const before = sides.n1.bus.stats();
    const { completed, sent, received } = await sides.exchange();
    expect(completed).toBe(true);
    const now = sides.n1.bus.stats();
    const bytes = now.bytesOut - before.bytesOut + now.bytesIn - before.bytesIn;
    return { messages: now.messagesOut - before.messagesOut, bytes, moved: sent + received };
  }

  it('is one message and its answer, of a few hundred bytes, where nothing differs', async () => {
    await diverged(0);
    await cost();
    const { messages, bytes, moved } = await cost();
    expect([messages, moved]).toEqual([1, 0]);
    expect(bytes).toBeLessThan(600);
  });

  it.each([1, 20, 200])('is in proportion to what differs: %i of 5,000', async (count) => {
    await diverged(count);
    const objectBytes = sides.n1.store.read({ partition: 7, bucket: 'b', key: 'key-0' })!.bytes.length;
    const { messages, bytes, moved } = await cost();
    expect(moved).toBe(count);
    // Of a differing leaf all 5 records are listed; of a differing branch all 32 leaves are told.
    const perKey = objectBytes + 5 * 45 + 32 * 8;
    expect(bytes).toBeLessThan(1_000 + count * perKey);
    expect(messages).toBeLessThan(4 + count / 10);
    expect(sides.areEqual).toBe(true);
  });
});
