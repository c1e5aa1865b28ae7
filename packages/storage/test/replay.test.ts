import { systemClock } from '@ringfort/bus';
import { mergeObjects, type VersionedObject } from '@ringfort/versioning';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Base } from '../src/base.ts';
import { StoreUnwritableError } from '../src/errors.ts';
import type { FlushDone, Journal } from '../src/journal.ts';
import { type JournalScan, scanFrames } from '../src/journal-codec.ts';
import type { ByteKey } from '../src/keys-core.ts';
import { checkpointKey, decodeSequence, LayeredTable } from '../src/layered-table.ts';
import { replay } from '../src/lmdb-store.ts';
import { compareKeys, type Row } from '../src/memtable.ts';
import { StoreEngine } from '../src/store-engine.ts';
import { after, blind, bytesOf, leavesByFold } from './support/objects.ts';

/** What a crash leaves of it: as many rows as had been taken over; the last ones and the marker all or none. */
class FrailBase implements Base {
  readonly rows = new Map<ByteKey, Uint8Array>();
  /** How many rows are still taken before it breaks. */
  left = Number.POSITIVE_INFINITY;

  get = (key: ByteKey) => this.rows.get(key);

  range(start: ByteKey, end: ByteKey): [ByteKey, Uint8Array][] {
    return [...this.rows].filter(([key]) => key >= start && key < end).sort((a, b) => compareKeys(a[0], b[0]));
  }

  async apply(rows: Iterable<Row>, _bytes: number, last: readonly Row[]): Promise<void> {
    for (const row of rows) this.#take([row]);
    this.#take(last);
  }

  #take(rows: readonly Row[]): void {
    if (this.left-- <= 0) throw new StoreUnwritableError('nowhere', 'it broke');
    for (const [key, value] of rows) {
      if (value === null) this.rows.delete(key);
      else this.rows.set(key, Uint8Array.from(value));
    }
  }

  snapshot = () => ({ rows: () => this.range('', '\xff'), close: () => {} });
  bytesOnDisk = () => 0;
  close = () => Promise.resolve();
}

class KeptJournal implements Journal {
  readonly durable = true;
  readonly bytes = 0;
  readonly #files: [Uint8Array[], Uint8Array[]] = [[], []];
  #current: 0 | 1 = 0;

  scans = (above: number): JournalScan[] => this.#files.map((file) => scanFrames(Buffer.concat(file), above));
  append(frame: Uint8Array): void {
    this.#files[this.#current].push(Uint8Array.from(frame));
  }
  /** Flips a byte of one frame of the file in use. */
  damage(nth: number, at: number): void {
    const frames = this.#files[this.#current];
    const frame = frames[nth % frames.length]!;
    frame[20 + (at % (frame.length - 20))]! ^= 1;
  }
  /** The disk had not kept the last frames, although it said so. */
  loseTail(count: number): void {
    for (let left = count; left > 0; left--)
      if (this.#files[this.#current].pop() === undefined) this.#files[1 - this.#current]!.pop();
  }
  get count(): number {
    return this.#files[this.#current].length;
  }
  flush(done: FlushDone): void {
    queueMicrotask(() => done(undefined));
  }
  rotate(): void {
    this.#current = this.#current === 0 ? 1 : 0;
    this.#files[this.#current] = [];
  }
  close = () => Promise.resolve();
}

async function start(base: FrailBase, former: KeptJournal | undefined) {
  const journal = new KeptJournal();
  const lastSequence = decodeSequence(base.get(checkpointKey));
  const checkpoints = { checkpointBytes: Number.POSITIVE_INFINITY, retryMs: 0, lastSequence };
  const table = new LayeredTable({ base, journal, clock: systemClock, ...checkpoints });
  const loss = await replay(table, former?.scans(lastSequence) ?? [], lastSequence);
  const engine = new StoreEngine({
    storeId: 'x',
    durability: 'interval',
    syncIntervalMs: 1,
    maxHintBytesPerTarget: 1 << 20,
    maxQueuedWrites: 1000,
    cacheBytes: 4000,
    clock: systemClock,
    table,
    base,
    journal,
    nextTurn: queueMicrotask,
    release: () => Promise.resolve(),
  });
  return { journal, table, engine, loss };
}

const partition = 1;
const keys = ['v', 'w', 'x', 'y', 'z'];
const anyWrites = fc.array(fc.record({ key: fc.constantFrom(...keys), seen: fc.boolean() }), { maxLength: 8 });
const anyLife = fc.array(
  // Writes, a checkpoint, more writes, and a checkpoint at which it crashes after so many rows.
  fc.record({ first: anyWrites, checkpoint: fc.boolean(), second: anyWrites, rows: fc.option(fc.nat(12)) }),
  { minLength: 1, maxLength: 5 },
);

it('whatever a crash in the middle of a checkpoint left, replaying gives every record, and the leaves that follow from them', async () => {
  await fc.assert(
    fc.asyncProperty(anyLife, async (lives) => {
      const base = new FrailBase();
      const model = new Map<string, VersionedObject>();
      let former: KeptJournal | undefined;
      let counter = 0;
      for (const life of lives) {
        const { journal, table, engine } = await start(base, former);
        const write = (writes: readonly { key: string; seen: boolean }[]) =>
          Promise.all(
            writes.map(({ key, seen }) => {
              const held = model.get(key);
              const text = `${++counter}`;
              const object = seen && held ? after(held, 'a-1', counter, text) : blind('b-1', counter, text);
              model.set(key, held === undefined ? object : mergeObjects(held, object));
              return engine.write({ partition, bucket: 'b', key }, bytesOf(object));
            }),
          );
        const expectSound = (of: StoreEngine) => {
          for (const [key, object] of model)
            expect(Buffer.from(of.read({ partition, bucket: 'b', key })!.bytes).equals(bytesOf(object))).toBe(true);
          expect(of.leaves(partition)).toEqual(leavesByFold(of, partition));
          expect(of.stats().records).toBe(model.size);
        };
        expectSound(engine);
        await write(life.first);
        if (life.checkpoint) await table.checkpoint();
        await write(life.second);
        expectSound(engine);
        base.left = life.rows ?? Number.POSITIVE_INFINITY;
        await table.checkpoint().catch(() => undefined);
        base.left = Number.POSITIVE_INFINITY;
        former = journal;
      }
      const { engine } = await start(base, former);
      for (const [key, object] of model)
        expect(engine.read({ partition, bucket: 'b', key })!.bytes.length).toBe(bytesOf(object).length);
      expect(engine.leaves(partition)).toEqual(leavesByFold(engine, partition));
    }),
    { numRuns: 300 },
  );
});

/** Leaves, counts and the index of hints follow from the records, and whatever is owed can be delivered. */
async function expectDerived(opened: StoreEngine): Promise<void> {
  expect(opened.leaves(partition)).toEqual(leavesByFold(opened, partition));
  const { items } = opened.fold({ partition }, { maxItems: 100, maxBytes: 1 << 20 });
  expect(opened.stats().records).toBe(items.length);
  for (const { target, count, bytes } of opened.hintStats()) {
    const hints = opened.hints(target, undefined, { maxItems: 100, maxBytes: 1 << 20 }).items;
    expect(hints.length).toBe(count);
    expect(hints.reduce((sum, hint) => sum + hint.bytes!.length + 10, 0)).toBe(bytes);
    for (const { id, digest } of hints) await opened.hintDelivered(id, target, digest);
  }
  expect(opened.hintStats()).toEqual([]);
  expect(opened.stats().hintRecords).toBe(0);
}

it('a damaged frame costs what it held alone: the others are replayed, and leaves, counts and hints follow from them', async () => {
  const anyBatch = fc.array(
    fc.record({ key: fc.constantFrom(...keys), hint: fc.boolean(), target: fc.constantFrom('n2', 'n3') }),
    { minLength: 1, maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyBatch, { minLength: 2, maxLength: 8 }),
      fc.nat(7),
      fc.nat(),
      fc.nat(),
      async (batches, checkpointAt, nth, at) => {
        const base = new FrailBase();
        const { journal, table, engine } = await start(base, undefined);
        const lastBatchOf = new Map<string, { batch: number; digest: string }>();
        let counter = 0;
        for (const [batch, writes] of batches.entries()) {
          if (batch === checkpointAt) await table.checkpoint();
          await Promise.all(
            writes.map(async ({ key, hint, target }) => {
              const id = { partition, bucket: 'b', key };
              const bytes = bytesOf(blind('a-1', ++counter, `${counter}`));
              if (hint) await engine.writeHint(id, bytes, [target]);
              else await engine.write(id, bytes);
              const held = hint ? engine.readHint(id) : engine.read(id);
              lastBatchOf.set(`${hint}${key}`, { batch, digest: held!.digest });
            }),
          );
        }
        // One frame for each batch; those before the checkpoint are in the base.
        const kept = journal.count;
        journal.damage(nth, at);
        const damaged = batches.length - kept + (nth % kept);
        const { engine: opened, loss } = await start(base, journal);
        expect({ inside: loss.inside, tail: loss.tail }).toEqual({
          inside: damaged === batches.length - 1 ? 0 : 1,
          tail: damaged === batches.length - 1 ? 1 : 0,
        });
        for (const [name, { batch, digest }] of lastBatchOf) {
          const id = { partition, bucket: 'b', key: name.slice(-1) };
          const held = name.startsWith('true') ? opened.readHint(id) : opened.read(id);
          if (batch !== damaged) expect(held?.digest).toBe(digest);
        }
        await expectDerived(opened);
      },
    ),
    { numRuns: 300 },
  );
});

it('a lost end of the journal, of which a checkpoint that was cut short had taken a part: leaves, counts and hints follow from what is left', async () => {
  const anyStep = fc.record({
    key: fc.constantFrom('x', 'y'),
    what: fc.constantFrom('write' as const, 'hint' as const, 'deliver' as const),
    target: fc.constantFrom('n2', 'n3'),
  });
  const anySteps = fc.array(anyStep, { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(anySteps, anySteps, fc.nat(9), fc.nat(8), async (before, after, rows, lost) => {
      const base = new FrailBase();
      const { journal, table, engine } = await start(base, undefined);
      let counter = 0;
      // Each step is a frame of its own.
      const take = async (steps: typeof before) => {
        for (const { key, what, target } of steps) {
          const id = { partition, bucket: 'b', key };
          const bytes = bytesOf(blind('a-1', ++counter, `${counter}`));
          if (what === 'write') await engine.write(id, bytes);
          else if (what === 'hint') await engine.writeHint(id, bytes, [target]);
          else await engine.hintDelivered(id, target, engine.readHint(id)?.digest);
        }
      };
      await take(before);
      await table.checkpoint();
      await take(after);
      base.left = rows;
      await table.checkpoint().catch(() => undefined);
      base.left = Number.POSITIVE_INFINITY;
      journal.loseTail(lost);
      const { engine: opened } = await start(base, journal);
      await expectDerived(opened);
    }),
    { numRuns: 300 },
  );
});
