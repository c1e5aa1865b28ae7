import type { MembershipRecord } from '@ringfort/ring/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyHistory, type History, mergeRecords, sameVersion } from '../src/history-core.ts';
import { answerComparison, isEmpty, openComparison } from '../src/history-diff-core.ts';
import { compareHistories } from '../src/index.ts';
import { wire } from './support/wire.ts';

const settings = { n: 3, r: 2, w: 2, conflict: 'siblings' } as const;

function record(number: number): MembershipRecord {
  return { kind: 'bucket.configured', lamport: number, author: `n${number % 7}`, bucket: `b${number}`, settings };
}

function historyOf(numbers: readonly number[]): History {
  return mergeRecords(emptyHistory, numbers.map(record)).history;
}

const none: ReadonlySet<string> = new Set();

/** Compares as two nodes do, until they are equal. @returns both, and the bytes of every message. */
async function compare(asker: History, other: History) {
  const { ask, sizes, close } = wire();
  let [mine, theirs] = [asker, other];
  let next = openComparison(mine);
  for (let turn = 0; turn < 400; turn++) {
    const { version } = mine;
    const reply = await ask(compareHistories, { version, ...next }, (asked) => {
      theirs = mergeRecords(theirs, asked.records).history;
      return { version: theirs.version, ...answerComparison(theirs, asked, none) };
    });
    mine = mergeRecords(mine, reply.records).history;
    next = answerComparison(mine, reply, none);
    if (!isEmpty(next)) continue;
    if (sameVersion(mine.version, theirs.version)) break;
    next = openComparison(mine);
  }
  await close();
  return { mine, theirs, sizes };
}

describe('a comparison', () => {
  it('makes any two histories equal, in messages that are bounded', async () => {
    const share = fc.record({ both: fc.nat(400), mine: fc.nat(400), theirs: fc.nat(400), from: fc.nat(10_000) });
    await fc.assert(
      fc.asyncProperty(share, async ({ both, mine, theirs, from }) => {
        const numbers = (start: number, count: number) => Array.from({ length: count }, (_, at) => from + start + at);
        const result = await compare(
          historyOf([...numbers(0, both), ...numbers(1000, mine)]),
          historyOf([...numbers(2000, theirs), ...numbers(0, both)]),
        );
        expect(result.mine.version).toEqual(result.theirs.version);
        expect(result.mine.records.size).toBe(both + mine + theirs);
        for (const size of result.sizes) expect(size).toBeLessThanOrEqual(4096 + 65_536 + 100);
      }),
      { numRuns: 40 },
    );
  });

  it('costs little where little differs, however large the histories are', async () => {
    const numbers = Array.from({ length: 5000 }, (_, at) => at);
    const { mine, theirs, sizes } = await compare(historyOf(numbers), historyOf([...numbers.slice(1), 70_000]));
    expect(mine.version).toEqual(theirs.version);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(5000);
    expect(sizes.length).toBeLessThan(14);
  });

  it('of equal histories ends at once', () => {
    const history = historyOf(Array.from({ length: 500 }, (_, at) => at));
    expect(isEmpty(answerComparison(history, openComparison(history), none))).toBe(true);
  });

  it('asks for nothing of a list that holds what was refused', () => {
    const [mine, theirs] = [historyOf([1]), historyOf([1, 2, 3])];
    const refused = new Set([...theirs.records.keys()].slice(1, 2));
    expect(answerComparison(mine, openComparison(theirs), refused).wants).toEqual([]);
    expect(answerComparison(mine, openComparison(theirs), none).wants).toHaveLength(2);
  });
});
