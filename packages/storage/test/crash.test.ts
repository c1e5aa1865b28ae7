import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { covers } from '@ringfort/versioning';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Durability, openLmdbStore } from '../src/index.ts';
import type { StoreEngine } from '../src/store-engine.ts';
import { makeDirectory, removeDirectory } from './support/directory-site.ts';
import { blind, bytesOf, leavesByFold, textsOf } from './support/objects.ts';

let directory: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  directory = makeDirectory();
});
afterEach(async () => {
  await kill();
  removeDirectory(directory);
});

async function kill(): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Starts the child; answers the lines it prints, as they come. */
function start(durability: Durability, what: 'hold' | 'write'): AsyncIterator<string> {
  child = spawn(process.execPath, [join(import.meta.dirname, 'support/child.mjs'), directory, durability, what], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
}

const id = (key: string) => ({ partition: 1, bucket: 'b', key });

function expectSound(store: StoreEngine): void {
  for (let partition = 0; partition < 4; partition++)
    expect(new Map(store.leaves(partition))).toEqual(leavesByFold(store, partition));
}

describe('two processes and one directory', () => {
  it('refuses the second, and lets it in as soon as the first was killed', async () => {
    const lines = start('fsync', 'hold');
    expect((await lines.next()).value).toBe('open');
    await expect(openLmdbStore({ directory })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await kill();
    const store = await openLmdbStore({ directory });
    expect((await start('fsync', 'hold').next()).value).toBe('STORE_LOCKED');
    await store.close();
  });

  it('refuses a second store of the same process, and lets it in after a close', async () => {
    const store = await openLmdbStore({ directory });
    await expect(openLmdbStore({ directory })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await store.close();
    await (await openLmdbStore({ directory })).close();
  });
});

describe.each<Durability>(['fsync', 'interval'])('kill -9 under load in %s', (durability) => {
  it('loses no acknowledged write, again and again', { timeout: 40_000 }, async () => {
    for (const enough of [200, 1000]) {
      const lines = start(durability, 'write');
      expect((await lines.next()).value).toBe('open');
      const acknowledged: number[] = [];
      const rest = (async () => {
        for (let line = await lines.next(); !line.done; line = await lines.next()) {
          acknowledged.push(Number(line.value));
          if (acknowledged.length === enough) child!.kill('SIGKILL');
        }
      })();
      await rest;
      expect(acknowledged.length).toBeGreaterThanOrEqual(enough);
      const store = await openLmdbStore({ directory });
      for (const n of acknowledged) {
        const at = { partition: n % 4, bucket: 'b', key: `k${n % 500}` };
        const record = n % 10 === 0 ? store.readHint(at) : store.read(at);
        expect(covers(record!.object.clock, { actor: `a-${n.toString(36)}`, counter: 1 })).toBe(true);
      }
      expectSound(store);
      const keys = new Set<string>();
      for (let partition = 0; partition < 4; partition++)
        for (const { id } of store.fold({ partition }, { maxItems: 10_000, maxBytes: 1 << 30 }).items) keys.add(id.key);
      expect(store.stats().records).toBe(keys.size);
      await store.close();
    }
  });
});

describe('what a power cut leaves', () => {
  /** The directory as it is on disk now, without closing the store. */
  function copyTo(name: string): string {
    const copy = join(directory, name);
    mkdirSync(copy);
    for (const file of readdirSync(directory))
      if (!file.startsWith('copy') && file !== 'lock.sock') copyFileSync(join(directory, file), join(copy, file));
    return copy;
  }

  it('is opened up to the last whole batch, wherever the journal was cut, and goes on from there', async () => {
    const store = await openLmdbStore({ directory });
    const ends: number[] = [];
    for (let n = 0; n < 6; n++) {
      await store.write(id(`k${n}`), bytesOf(blind('a-1', 1, `${n}`)));
      ends.push(endOfFrames(readFileSync(join(directory, journalInUse(directory)))));
    }
    const journal = journalInUse(directory);
    const copies = ends.flatMap((end, n) => [
      { name: `copy-${n}`, end, whole: n + 1 },
      { name: `copy-${n}-torn`, end: end - 1, whole: n },
    ]);
    for (const { name, end, whole } of copies) {
      const copy = copyTo(name);
      truncateSync(join(copy, journal), end);
      const opened = await openLmdbStore({ directory: copy });
      expect(opened.fold({ partition: 1 }, { maxItems: 100, maxBytes: 1 << 20 }).items).toHaveLength(whole);
      expect(opened.stats().records).toBe(whole);
      expectSound(opened);
      await opened.write(id('later'), bytesOf(blind('b-1', 1, 'later')));
      await opened.close();
      const again = await openLmdbStore({ directory: copy });
      expect(textsOf(again.read(id('later'))!.object)).toEqual(['later']);
      expect(again.stats().records).toBe(whole + 1);
      expectSound(again);
      await again.close();
    }
    await store.close();
  });

  it('whose journal has a damaged batch: says so, replays those behind it, and none of them a second time', async () => {
    const store = await openLmdbStore({ directory });
    for (let n = 0; n < 4; n++) await store.write(id(`k${n}`), bytesOf(blind('a-1', 1, `${n}`)));
    const copy = copyTo('copy');
    await store.close();
    const journal = join(copy, journalInUse(copy));
    const bytes = readFileSync(journal);
    bytes.writeUInt8(bytes.readUInt8(30) ^ 1, 30); // in the first of four frames: the others stay, whole, behind it
    writeFileSync(journal, bytes);
    const damages: unknown[] = [];
    for (let round = 0; round < 3; round++) {
      const opened = await openLmdbStore({ directory: copy, onDamage: (damage) => damages.push(damage) });
      expect([0, 1, 2, 3].map((n) => opened.read(id(`k${n}`)) !== undefined)).toEqual([false, true, true, true]);
      expect(opened.stats().records).toBe(3 + round);
      await opened.write(id(`new${round}`), bytesOf(blind('a-1', 1, 'x')));
      expectSound(opened);
      await opened.close();
    }
    expect(damages).toEqual([
      expect.objectContaining({
        code: 'JOURNAL_DAMAGED',
        details: { directory: copy, lostBatches: 1, replayedBehind: 3 },
      }),
    ]);
  });
});

/** The journal file that holds frames now. */
function journalInUse(directory: string): string {
  const ends = ['journal-0', 'journal-1'].map((name) => endOfFrames(readFileSync(join(directory, name))));
  return ends[0]! > ends[1]! ? 'journal-0' : 'journal-1';
}

/** Zeros follow the last frame of a journal file that was never full. */
function endOfFrames(journal: Buffer): number {
  let end = 0;
  while (end < journal.length && journal.readUInt32LE(end) > 0) end += 20 + journal.readUInt32LE(end);
  return end;
}
