import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryBus, memoryNetwork } from '@ringfort/bus';
import { openLmdbStore } from '@ringfort/storage';
import { afterEach, expect, it } from 'vitest';
import { createTransfers, transferStore } from '../src/index.ts';
import { idOf, objectOf, partition } from './transfer-support/objects.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

const limits = { maxFrameItems: 20 };

async function startNode(nodeId: string, network: ReturnType<typeof memoryNetwork>, directory: string) {
  const store = await openLmdbStore({ directory, durability: 'interval' });
  const bus = memoryBus({ network, cluster: 'test', self: `node.${nodeId}` });
  const transfers = createTransfers({ bus, nodeId, store: transferStore(store), limits });
  const stop = async () => {
    await transfers.close();
    await bus.close();
    await store.close();
  };
  return { store, transfers, stop };
}

it('goes on where it was after both nodes were stopped and started over their disks', async () => {
  const network = memoryNetwork();
  const [one, two] = ['n1', 'n2'].map((name) => {
    const directory = mkdtempSync(join(tmpdir(), `ringfort-transfer-${name}-`));
    directories.push(directory);
    return directory;
  });
  let source = await startNode('n1', network, one!);
  let target = await startNode('n2', network, two!);
  const writes = Array.from({ length: 500 }, (_, index) =>
    source.store.write(idOf(`key-${index}`), objectOf('a-1', index + 1, 200)),
  );
  await Promise.all(writes);

  const interrupted = target.transfers.start({ partition, source: 'n1' });
  interrupted.done.catch(() => undefined);
  await new Promise<void>((resolve) => {
    target.transfers.on((event) => {
      if (event.type === 'transfer.progressed' && event.progress.records >= 100) resolve();
    });
  });
  await target.stop();
  await source.stop();
  source = await startNode('n1', network, one!);
  target = await startNode('n2', network, two!);
  const before = target.store.stats().records;
  expect(before).toBeGreaterThanOrEqual(100);
  expect(before).toBeLessThan(500);

  const { done } = target.transfers.start(target.transfers.known()[0]!);
  const sent = source.transfers;
  let sentRecords = 0;
  target.transfers.on(() => {
    sentRecords = Math.max(sentRecords, sent.sending[0]?.records ?? 0);
  });
  expect(await done).toMatchObject({ records: 500, passes: 0, leavesInFlight: 0, leavesAhead: 0 });
  // A frame that was stored before the stop, but not its cursor, comes again.
  expect(sentRecords).toBeLessThanOrEqual(500 - before + limits.maxFrameItems);
  expect(target.store.leaves(partition)).toEqual(source.store.leaves(partition));
  expect(target.store.stats().records).toBe(500);
  await Promise.all([source.stop(), target.stop()]);
});
