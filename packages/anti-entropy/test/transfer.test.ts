import { StoreFullError } from '@ringfort/storage';
import { describe, expect, it } from 'vitest';
import type { TransferEvent } from '../src/index.ts';
import { stateKey } from '../src/transfer-state-core.ts';
import { idOf, objectOf, partition } from './transfer-support/objects.ts';
import { contentOf, fill, type Pair, startPair, type TestNode } from './transfer-support/pair.ts';

const fast = {
  maxFrameItems: 16,
  maxFramesInFlight: 1,
  requestTimeoutMs: 400,
  backoffMinMs: 50,
  backoffMaxMs: 200,
  maxFailures: 4,
};
const fromN1 = { partition, source: 'n1' };

/** Lets time pass until the promise is settled: at most so long. */
async function within<T>(pair: Pair, promise: Promise<T>, maxMs: number): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  promise.then(over, over);
  for (let passedMs = 0; !isOver && passedMs < maxMs; passedMs += 20) await pair.clock.advanceAsync(20);
  expect(isOver, `not settled within ${maxMs} ms`).toBe(true);
  return promise;
}

function eventsOf(node: TestNode): TransferEvent[] {
  const events: TransferEvent[] = [];
  node.transfers.on((event) => events.push(event));
  return events;
}

/** Whoever looks at a node finds nothing of any transfer. */
function expectClean({ source, target }: Pair): void {
  expect(source.transfers.sending).toEqual([]);
  expect(target.transfers.receiving).toEqual([]);
  expect(target.transfers.known()).toEqual([]);
}

describe('a transfer without faults', () => {
  it('brings all records, verifies them, and sends hardly more than their bytes', async () => {
    const pair = await startPair();
    const { clock, source, target } = pair;
    const bytes = await fill(source, 1000);
    const sent = () => source.bus.stats().bytesOut + target.bus.stats().bytesOut;
    const before = sent();
    const { done } = target.transfers.start(fromN1);
    expect(await within(pair, done, 5_000)).toMatchObject({
      records: 1000,
      passes: 0,
      leavesInFlight: 0,
      leavesAhead: 0,
      corruptRecords: 0,
    });
    expect(contentOf(target)).toEqual(contentOf(source));
    expect(sent() - before).toBeLessThan(1.1 * bytes);
    await clock.advanceAsync(100);
    expect(source.transfers.sending).toEqual([]);
    expect(pair.faults).toEqual([]);
  });

  it('moves an empty partition', async () => {
    const pair = await startPair();
    expect(await within(pair, pair.target.transfers.start(fromN1).done, 1_000)).toMatchObject({ records: 0 });
  });

  it('tells its progress against an estimate of the whole', async () => {
    const pair = await startPair({ limits: fast });
    await fill(pair.source, 500, 100);
    const events = eventsOf(pair.target);
    const { done } = pair.target.transfers.start(fromN1);
    await within(pair, done, 5_000);
    const told = events.flatMap((event) => (event.type === 'transfer.progressed' ? [event.progress] : []));
    const records = told.map((progress) => progress.records);
    expect(records).toEqual([...records].sort((a, b) => a - b));
    expect(records.length).toBeGreaterThan(500 / fast.maxFrameItems);
    for (const { totalRecords } of told) {
      expect(totalRecords).toBeGreaterThan(440);
      expect(totalRecords).toBeLessThan(560);
    }
    expect(told.at(-1)).toMatchObject({ records: 500, phase: 'comparing' });
    expect(events.at(-1)).toMatchObject({ type: 'transfer.verified', outcome: { records: 500 } });
  });

  it('compares only, when it was verified before, and sends the leaves that differ by then', async () => {
    const pair = await startPair();
    const { source, target, sent } = pair;
    await fill(source, 800, 100);
    await within(pair, target.transfers.start(fromN1).done, 5_000);
    expect(target.transfers.known()).toEqual([{ partition, source: 'n1', isVerified: true }]);
    sent.length = 0;
    await within(pair, target.transfers.start(fromN1).done, 5_000);
    expect(sent).toEqual([]);
    for (let index = 0; index < 5; index += 1)
      await source.disk.store.write(idOf(`late-${index}`), objectOf('late', index + 1, 100), { sync: true });
    expect(await within(pair, target.transfers.start(fromN1).done, 5_000)).toMatchObject({ passes: 1 });
    expect(sent.flatMap(({ frame }) => frame.records).length).toBeLessThan(20);
    expect(contentOf(target)).toEqual(contentOf(source));
    await target.transfers.forget(partition);
    expectClean(pair);
  });

  it('sends what differs alone, where the target holds most of it from elsewhere', async () => {
    const pair = await startPair();
    const { source, target, sent } = pair;
    await fill(source, 800, 100);
    await fill(target, 795, 100);
    expect(await within(pair, target.transfers.start(fromN1).done, 5_000)).toMatchObject({
      passes: 1,
      leavesInFlight: 0,
    });
    expect(sent.flatMap(({ frame }) => frame.records).length).toBeLessThan(20);
    expect(contentOf(target)).toEqual(contentOf(source));
  });

  it('is verified where the target holds more than the source', async () => {
    const pair = await startPair();
    await fill(pair.source, 50, 100);
    await fill(pair.target, 10, 100, 'b-1');
    const outcome = await within(pair, pair.target.transfers.start(fromN1).done, 5_000);
    expect(outcome).toMatchObject({ leavesAhead: 10, leavesInFlight: 0, passes: 1 });
    expect([...contentOf(pair.target).keys()]).toEqual([...contentOf(pair.source).keys()]);
  });

  it('comes to an end while clients never stop writing the same keys', async () => {
    const pair = await startPair({ limits: fast });
    const { clock, source, target } = pair;
    await fill(source, 100, 100);
    let outcome: unknown;
    target.transfers.start(fromN1).done.then((verified) => {
      outcome = verified;
    });
    let counter = 0;
    const late: Promise<unknown>[] = [];
    for (let step = 0; step < 2_000 && outcome === undefined; step += 1) {
      // Forwarded 20 ms late: at no moment do both sides hold the same.
      const [id, object] = [idOf(`key-${String(step % 3).padStart(6, '0')}`), objectOf('w-1', ++counter, 50)];
      const isStored = source.disk.store.write(id, object, { sync: true });
      late.push(isStored);
      clock.setTimeout(() => late.push(target.disk.store.write(id, object, { sync: true })), 20);
      await clock.advanceAsync(5);
    }
    expect(outcome).toMatchObject({ leavesInFlight: expect.any(Number) });
    await clock.advanceAsync(100);
    await Promise.all(late);
    expect(contentOf(target)).toEqual(contentOf(source));
  });
});

describe('what a source cannot read', () => {
  it('is told by name, once, and holds nothing else up', async () => {
    const rotten = new Set(['key-000003', 'key-000040']);
    let hasRotted = false;
    const read = (id: { readonly key: string }, stored: Uint8Array) =>
      hasRotted && rotten.has(id.key) ? stored.with(stored.length - 1, stored.at(-1)! ^ 1) : stored;
    const pair = await startPair({ sourceDisk: { read } });
    await fill(pair.source, 100, 100);
    // A restart: what was in memory is read from disk again.
    pair.source.kill();
    await pair.source.start();
    hasRotted = true;
    const events = eventsOf(pair.target);
    const names = [...rotten].map((key) => ({ bucket: 'carts', key }));
    expect(await within(pair, pair.target.transfers.start(fromN1).done, 5_000)).toMatchObject({
      records: expect.any(Number),
      corruptRecords: 2,
      corrupt: names,
      leavesAhead: 2,
      leavesInFlight: 0,
    });
    expect(events.filter(({ type }) => type === 'transfer.corruptAtSource')[0]).toMatchObject({ records: names });
    expect(contentOf(pair.target).size).toBe(98);
  });
});

describe('what is refused', () => {
  it('refuses a second transfer of a partition, and more than may run', async () => {
    const pair = await startPair({ limits: { maxReceiving: 2 } });
    const { transfers } = pair.target;
    const first = transfers.start(fromN1);
    expect(() => transfers.start(fromN1)).toThrow(expect.objectContaining({ code: 'TRANSFER_EXISTS' }));
    await expect(transfers.forget(partition)).rejects.toMatchObject({ code: 'TRANSFER_EXISTS' });
    const second = transfers.start({ partition: 8, source: 'n1' });
    expect(() => transfers.start({ partition: 9, source: 'n1' })).toThrow(
      expect.objectContaining({ code: 'TRANSFERS_BUSY' }),
    );
    expect(() => transfers.start({ partition: 9, source: 'n2' })).toThrow(
      expect.objectContaining({ code: 'TRANSFER_INVALID' }),
    );
    await within(pair, Promise.all([first.done, second.done]), 5_000);
    await transfers.close();
    expect(() => transfers.start(fromN1)).toThrow(expect.objectContaining({ code: 'TRANSFERS_CLOSED' }));
  });

  it.each([{ maxComparisons: 2 }, { maxFramesInFlight: 65 }, { maxBytesPerSecond: 0 }, { leaseMs: Number.NaN }])(
    'does not begin with limits that cannot be kept: %o',
    async (limits) => {
      await expect(startPair({ limits })).rejects.toMatchObject({ code: 'TRANSFER_INVALID' });
    },
  );

  it('waits for its turn at a source that sends as many as it may', async () => {
    const pair = await startPair({
      limits: { maxSending: 1, maxFrameBytes: 8 * 1024, maxBytesPerSecond: 100_000, burstBytes: 1_000 },
    });
    await fill(pair.source, 200, 1000);
    const { transfers } = pair.target;
    const events = eventsOf(pair.target);
    const first = transfers.start(fromN1);
    await pair.clock.advanceAsync(100);
    const second = transfers.start({ partition: 8, source: 'n1' });
    await within(pair, Promise.all([first.done, second.done]), 60_000);
    const codes = events.flatMap((event) => (event.type === 'transfer.failedOnce' ? [event.error] : []));
    expect(codes[0]).toMatchObject({ code: 'TRANSFERS_BUSY' });
  });

  it.each([0, 30])(
    'is told by a source that does not hand the partition out, or no more after %i ms',
    async (afterMs) => {
      let maySend = true;
      const pair = await startPair({ limits: fast, maySend: () => maySend });
      await fill(pair.source, 300, 100);
      const { done } = pair.target.transfers.start(fromN1);
      await pair.clock.advanceAsync(afterMs);
      maySend = false;
      await expect(within(pair, done, 20_000)).rejects.toMatchObject({
        code: 'TRANSFER_STALLED',
        cause: { code: 'TRANSFER_REFUSED' },
      });
    },
  );
});

describe('a target that has lost its disk', () => {
  it('is a second receiver to the source, until the first one is forgotten', async () => {
    const pair = await startPair({ limits: { ...fast, leaseMs: 1_000, maxFailures: 20 } });
    const { clock, source, target } = pair;
    await fill(source, 300, 100);
    target.transfers.start(fromN1);
    await clock.advanceAsync(40);
    target.kill();
    target.disk.exchange('another-store');
    await target.start();
    const events = eventsOf(target);
    await within(pair, target.transfers.start(fromN1).done, 10_000);
    const errors = events.flatMap((event) => (event.type === 'transfer.failedOnce' ? [event.error] : []));
    expect(errors[0]).toMatchObject({ code: 'TRANSFER_EXISTS' });
    expect(contentOf(target)).toEqual(contentOf(source));
  });
});

describe('aborting', () => {
  it.each([0, 1, 3, 5, 7, 9, 11, 14, 17, 20, 25, 30, 40, 60])(
    'leaves both sides clean after %i ms',
    async (afterMs) => {
      const pair = await startPair({ seed: afterMs + 1, limits: fast });
      const { clock, source, target } = pair;
      await fill(source, 300, 100);
      const transfer = target.transfers.start(fromN1);
      await clock.advanceAsync(afterMs);
      const isAborted = transfer.abort();
      await within(pair, isAborted, 5_000);
      await expect(transfer.done).rejects.toMatchObject({ code: 'TRANSFER_ABORTED' });
      await clock.advanceAsync(20);
      expectClean(pair);
      expect(target.disk.store.getMeta(stateKey({ partition, source: 'n1' }))).toBeUndefined();
      await within(pair, target.transfers.start(fromN1).done, 5_000);
      expect(contentOf(target)).toEqual(contentOf(source));
      expect(pair.faults).toEqual([]);
    },
  );

  it('leaves the source clean when nobody can tell it', async () => {
    const pair = await startPair({ limits: { ...fast, leaseMs: 3_000 } });
    await fill(pair.source, 300, 1000);
    const transfer = pair.target.transfers.start(fromN1);
    await pair.clock.advanceAsync(30);
    pair.faulty.cut('node.n1', 'node.n2');
    await within(pair, transfer.abort(), 5_000);
    expect(pair.source.transfers.sending).toHaveLength(1);
    await pair.clock.advanceAsync(4_000);
    expectClean(pair);
  });
});

describe('a source that vanishes', () => {
  it('is told by name after a bounded number of attempts, and the transfer resumes where it was', async () => {
    const pair = await startPair({ limits: fast });
    const { clock, source, target, sent } = pair;
    await fill(source, 300, 100);
    const first = target.transfers.start(fromN1);
    await clock.advanceAsync(40);
    const { records } = first.progress;
    expect(records).toBeGreaterThan(0);
    expect(records).toBeLessThan(300);
    source.kill();
    await expect(within(pair, first.done, 30_000)).rejects.toMatchObject({
      code: 'TRANSFER_STALLED',
      details: { partition, source: 'n1', failures: fast.maxFailures, reason: 'NO_RESPONDERS' },
    });
    expect(target.transfers.receiving).toEqual([]);
    expect(target.transfers.known()).toEqual([{ partition, source: 'n1', isVerified: false }]);
    await source.start();
    const before = contentOf(target).size;
    sent.length = 0;
    expect(await within(pair, target.transfers.start(fromN1).done, 5_000)).toMatchObject({ records: 300, passes: 0 });
    expect(sent.flatMap(({ frame }) => frame.records)).toHaveLength(300 - before);
  });

  it('starts over with a source that has lost its disk, or with another source', async () => {
    const pair = await startPair({ limits: fast });
    const { clock, source, target } = pair;
    await fill(source, 300, 100);
    const first = target.transfers.start(fromN1);
    await clock.advanceAsync(40);
    source.kill();
    source.disk.exchange('another-store');
    await source.start();
    await fill(source, 20, 100, 'c-1');
    pair.sent.length = 0;
    await within(pair, first.done, 30_000);
    expect(pair.sent.slice(0, 2).map(({ frame }) => [frame.seq, frame.records.length])).toEqual([
      [1, 16],
      [2, 4],
    ]);
    const content = contentOf(target);
    for (const key of contentOf(source).keys()) expect(content.has(key)).toBe(true);
  });
});

describe("the partition's barrier", () => {
  it('is adopted before anything is merged', async () => {
    const pair = await startPair();
    await fill(pair.source, 10, 100);
    await pair.source.disk.store.raiseBarrier(partition, 5);
    await within(pair, pair.target.transfers.start(fromN1).done, 5_000);
    expect(pair.target.disk.store.barrier(partition)).toBe(5);
  });

  it('starts the transfer over when it rises meanwhile', async () => {
    const pair = await startPair({ limits: fast });
    const { clock, source, target } = pair;
    await fill(source, 300, 100);
    const { done } = target.transfers.start(fromN1);
    await clock.advanceAsync(30);
    await source.disk.store.raiseBarrier(partition, 1);
    await within(pair, done, 10_000);
    expect(target.disk.store.barrier(partition)).toBe(1);
    expect(contentOf(target)).toEqual(contentOf(source));
    const again = pair.sent.filter(({ frame }) => frame.barrier === 1).flatMap(({ frame }) => frame.records).length;
    // The first of them is refused, as it belongs to the stream before.
    expect(again).toBeGreaterThanOrEqual(300);
    expect(again).toBeLessThanOrEqual(300 + fast.maxFrameItems);
  });

  it('is not lowered by a source that has not heard of it', async () => {
    const pair = await startPair({ limits: fast });
    await fill(pair.source, 10, 100);
    await pair.target.disk.store.raiseBarrier(partition, 2);
    const { done } = pair.target.transfers.start(fromN1);
    await expect(within(pair, done, 10_000)).rejects.toMatchObject({ cause: { code: 'TRANSFER_BARRIER_MOVED' } });
    expect(contentOf(pair.target).size).toBe(0);
    await pair.source.disk.store.raiseBarrier(partition, 2);
    await within(pair, pair.target.transfers.start(fromN1).done, 5_000);
    expect(contentOf(pair.target).size).toBe(10);
  });
});

describe('the rate', () => {
  const rules = { maxBytesPerSecond: 50_000, minBytesPerSecond: 5_000, burstBytes: 10_000, maxFrameBytes: 8 * 1024 };

  it('is kept, however many transfers there are', async () => {
    const pair = await startPair({ limits: rules });
    const { clock, source, target } = pair;
    await fill(source, 400, 1000);
    await fill(source, 100, 1000, 'd-1', 8);
    const both = [target.transfers.start(fromN1).done, target.transfers.start({ partition: 8, source: 'n1' }).done];
    let isOver = false;
    Promise.all(both).then(() => {
      isOver = true;
    });
    for (let seconds = 1; !isOver; seconds += 1) {
      await clock.advanceAsync(1_000);
      const bytes = pair.sent.flatMap(({ frame }) => frame.records).reduce((sum, { object }) => sum + object.length, 0);
      expect(bytes).toBeLessThan(rules.burstBytes + seconds * rules.maxBytesPerSecond + 2 * rules.maxFrameBytes);
      if (!isOver) expect(bytes).toBeGreaterThan(0.8 * seconds * rules.maxBytesPerSecond);
      expect(seconds).toBeLessThan(30);
    }
  });

  it('gives way while foreground requests are slow, never entirely, and recovers', async () => {
    let p99Ms: number | undefined = 20;
    const pair = await startPair({ limits: rules, foregroundP99Ms: () => p99Ms });
    const { clock, source, target } = pair;
    await fill(source, 2_000, 1000);
    target.transfers.start(fromN1);
    const rateOver = async (seconds: number) => {
      const bytesSent = () =>
        pair.sent.flatMap(({ frame }) => frame.records).reduce((sum, { object }) => sum + object.length, 0);
      const before = bytesSent();
      await clock.advanceAsync(seconds * 1_000);
      return (bytesSent() - before) / seconds;
    };
    await rateOver(2);
    expect(await rateOver(4)).toBeGreaterThan(0.8 * rules.maxBytesPerSecond);
    p99Ms = 500;
    await rateOver(5);
    const slow = await rateOver(8);
    expect(slow).toBeLessThan(2 * rules.minBytesPerSecond);
    expect(slow).toBeGreaterThan(0.4 * rules.minBytesPerSecond);
    p99Ms = undefined;
    await rateOver(16);
    expect(await rateOver(4)).toBeGreaterThan(0.8 * rules.maxBytesPerSecond);
  });
});

describe('a frame that was damaged on its way', () => {
  it('is not merged, and sent again', async () => {
    const pair = await startPair({ limits: fast });
    const { source, target } = pair;
    await fill(source, 100, 100);
    const events = eventsOf(target);
    let hasFailed = false;
    pair.tamper = (frame) => {
      if (frame.seq !== 3 || hasFailed) return frame;
      hasFailed = true;
      const [first, ...rest] = frame.records;
      return { ...frame, records: [{ ...first!, object: objectOf('x-1', 1, 100) }, ...rest] };
    };
    expect(await within(pair, target.transfers.start(fromN1).done, 5_000)).toMatchObject({ leavesAhead: 0, passes: 0 });
    const errors = events.flatMap((event) => (event.type === 'transfer.failedOnce' ? [event.error] : []));
    expect(errors).toMatchObject([{ code: 'TRANSFER_FRAME_CORRUPT', details: { partition, seq: 3 } }]);
    expect(contentOf(target)).toEqual(contentOf(source));
  });
});

describe("the target's own disk", () => {
  it('refusing one batch, does not have its frame acknowledged', async () => {
    let failsNext = false;
    const append = () => {
      if (!failsNext) return;
      failsNext = false;
      throw new StoreFullError('the disk of n2');
    };
    const pair = await startPair({ limits: fast, targetDisk: { append } });
    const { source, target } = pair;
    await fill(source, 100, 100);
    pair.onSent = ({ frame }) => {
      failsNext = frame.seq === 3 && pair.sent.filter((sent) => sent.frame.seq === 3).length === 1;
    };
    expect(await within(pair, target.transfers.start(fromN1).done, 5_000)).toMatchObject({ passes: 0 });
    expect(pair.sent.map(({ frame }) => frame.seq)).toEqual([1, 2, 3, 3, 4, 5, 6, 7]);
    expect(contentOf(target)).toEqual(contentOf(source));
  });

  it('slow, lets a frame be merged to its end before the stream is opened anew', async () => {
    const pair = await startPair({ limits: { ...fast, maxFramesInFlight: 4 }, syncMs: [1_000, 1_000] });
    const { clock, source, target, faulty, sent } = pair;
    await fill(source, 100, 100);
    const { done } = target.transfers.start(fromN1);
    while (sent.length < 4) await clock.advanceAsync(10);
    await clock.advanceAsync(100);
    // The first frame is being merged; what is asked for when it is, gets lost while the second one is.
    faulty.cut('node.n1', 'node.n2');
    while (target.transfers.receiving[0]?.failures === 0) await clock.advanceAsync(10);
    faulty.mendOneWay('node.n1', 'node.n2');
    faulty.mendOneWay('node.n2', 'node.n1');
    await within(pair, done, 60_000);
    expect(sent.map(({ frame }) => frame.seq)).toEqual([1, 2, 3, 4, 3, 4, 5, 6, 7]);
  });

  it('full, keeps no frame from being acknowledged that is not stored, and the transfer goes on when there is room', async () => {
    let isFull = false;
    const append = () => {
      if (isFull) throw new StoreFullError('the disk of n2');
    };
    const pair = await startPair({ limits: fast, targetDisk: { append } });
    const { clock, source, target } = pair;
    await fill(source, 300, 100);
    const events = eventsOf(target);
    const { done } = target.transfers.start(fromN1);
    await clock.advanceAsync(30);
    isFull = true;
    await clock.advanceAsync(100);
    isFull = false;
    expect(events.find(({ type }) => type === 'transfer.failedOnce')).toMatchObject({ error: { code: 'STORE_FULL' } });
    expect(await within(pair, done, 10_000)).toMatchObject({ records: 300, passes: 0 });
    expect(contentOf(target)).toEqual(contentOf(source));
  });
});

describe('closing', () => {
  it('keeps where the transfers were, and writes nothing afterwards', async () => {
    const pair = await startPair({ limits: fast });
    const { clock, source, target } = pair;
    await fill(source, 300, 100);
    const transfer = target.transfers.start(fromN1);
    await clock.advanceAsync(40);
    const isClosed = target.transfers.close();
    await clock.advanceAsync(0);
    await isClosed;
    await expect(transfer.done).rejects.toMatchObject({ code: 'TRANSFERS_CLOSED' });
    const before = contentOf(target).size;
    await clock.advanceAsync(1_000);
    expect(contentOf(target).size).toBe(before);
    target.kill();
    await target.start();
    expect(target.transfers.known()).toEqual([{ partition, source: 'n1', isVerified: false }]);
    expect(await within(pair, target.transfers.start(fromN1).done, 20_000)).toMatchObject({ records: 300, passes: 0 });
  });
});
