import { expect, it } from 'vitest';
import { partition } from './transfer-support/objects.ts';
import { contentOf, fill, startPair } from './transfer-support/pair.ts';

it('brings all records, verifies them, and sends hardly more than their bytes', async () => {
  const pair = await startPair();
  const { clock, source, target } = pair;
  const bytes = await fill(source, 1000);
  const before = source.bus.stats().bytesOut + target.bus.stats().bytesOut;
  const transfer = target.transfers.start({ partition, source: 'n1' });
  await clock.advanceAsync(5_000);
  expect(target.transfers.receiving).toEqual([]);
  expect(await transfer.done).toMatchObject({
    records: 1000,
    leavesInFlight: 0,
    leavesAhead: 0,
    corruptRecords: 0,
    passes: 0,
  });
  expect(contentOf(target)).toEqual(contentOf(source));
  expect(source.bus.stats().bytesOut + target.bus.stats().bytesOut - before).toBeLessThan(1.1 * bytes);
  expect(source.transfers.sending).toEqual([]);
  expect(pair.faults).toEqual([]);
});
