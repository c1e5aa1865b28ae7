import type { MembershipRecord } from '@ringfort/ring/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyCodec } from '../../bus/src/body-codec.ts';
import { emptyHistory, type History, mergeRecords, sameVersion } from '../src/history-core.ts';
import { answerComparison, type Comparison, isEmpty, openComparison } from '../src/history-diff-core.ts';
import { compareHistories, compareRequestSchema } from '../src/index.ts';

const settings = { n: 3, r: 2, w: 2, conflict: 'siblings' } as const;

function record(number: number): MembershipRecord {
  return { kind: 'bucket.configured', lamport: number, author: `n${number % 7}`, bucket: `b${number}`, settings };
}

function historyOf(numbers: readonly number[]): History {
  return mergeRecords(emptyHistory, numbers.map(record)).history;
}

const codec = new BodyCodec(compareRequestSchema);
const none: ReadonlySet<string> = new Set();

/** What the receiver reads, and how many bytes it took without and with its records. */
function carried(history: History, message: Comparison) {
  const bytesOf = (body: unknown) => codec.pack('a body', compareHistories.verb, 3, body).length;
  const { version } = history;
  const bytes = bytesOf({ version, ...message });
  const digestBytes = bytesOf({ version, ...message, records: [] });
  const packed = codec.pack('a body', compareHistories.verb, 3, { version, ...message });
  const frame = Buffer.from(packed.bytes.subarray(0, packed.length));
  return {
    message: codec.read('a body', compareHistories.verb, 3, frame, 0, frame.length) as Comparison,
    bytes,
    digestBytes,
  };
}

/** Compares as two nodes do, until the asker finds nothing more to say. */
function compare(asker: History, other: History) {
  const sizes: { bytes: number; digestBytes: number }[] = [];
  const [mine, theirs] = [{ history: asker }, { history: other }];
  let ask = openComparison(asker);
  let passes = 0;
  for (let turn = 0; turn < 400; turn++) {
    const question = carried(mine.history, ask);
    theirs.history = mergeRecords(theirs.history, question.message.records).history;
    const reply = carried(theirs.history, answerComparison(theirs.history, question.message, none));
    sizes.push(question, reply);
    mine.history = mergeRecords(mine.history, reply.message.records).history;
    ask = answerComparison(mine.history, reply.message, none);
    if (!isEmpty(ask)) continue;
    passes += 1;
    if (sameVersion(mine.history.version, theirs.history.version)) break;
    ask = openComparison(mine.history);
  }
  return { mine: mine.history, theirs: theirs.history, sizes, passes };
}

describe('a comparison', () => {
  it('makes any two histories equal, in messages that are bounded', () => {
    const share = fc.record({ both: fc.nat(400), mine: fc.nat(400), theirs: fc.nat(400), from: fc.nat(10_000) });
    fc.assert(
      fc.property(share, ({ both, mine, theirs, from }) => {
        const numbers = (start: number, count: number) => Array.from({ length: count }, (_, at) => from + start + at);
        const result = compare(
          historyOf([...numbers(0, both), ...numbers(1000, mine)]),
          historyOf([...numbers(2000, theirs), ...numbers(0, both)]),
        );
        expect(result.mine.version).toEqual(result.theirs.version);
        expect(result.mine.records.size).toBe(both + mine + theirs);
        for (const { bytes, digestBytes } of result.sizes) {
          expect(digestBytes).toBeLessThanOrEqual(4096 + 64);
          expect(bytes).toBeLessThanOrEqual(4096 + 65_536 + 64);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('costs little where little differs, however large the histories are', () => {
    const numbers = Array.from({ length: 5000 }, (_, at) => at);
    const { mine, theirs, sizes } = compare(historyOf(numbers), historyOf([...numbers.slice(1), 70_000]));
    expect(mine.version).toEqual(theirs.version);
    expect(sizes.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(12_000);
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
