import { digestOf } from '@ringfort/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultTransferLimits } from '../src/index.ts';
import type { TransferFrame } from '../src/transfer-contract.ts';
import * as credits from '../src/transfer-credit-core.ts';
import { frameChecksum, isWhole } from '../src/transfer-frame-core.ts';
import { judgeLeaves, leavesAhead, unsettledLeaves } from '../src/transfer-leaves-core.ts';
import { fullBucket, judgeForeground, refill, spend, waitMs } from '../src/transfer-rate-core.ts';
import { advanced, decodeState, encodeState, fetchedLeaves, freshState, nextPass } from '../src/transfer-state-core.ts';
import { estimateRecords } from '../src/transfer-store.ts';

const bytes = fc.uint8Array({ maxLength: 40 });
const name = fc.record({ bucket: fc.string({ minLength: 1 }), key: fc.string({ minLength: 1 }) });
const anyFrame: fc.Arbitrary<TransferFrame> = fc
  .record({
    seq: fc.integer({ min: 1, max: 1000 }),
    barrier: fc.nat(10),
    records: fc.array(
      fc.tuple(name, bytes).map(([names, object]) => ({ ...names, object })),
      { maxLength: 5 },
    ),
    corrupt: fc.array(name, { maxLength: 3 }),
    next: fc.option(bytes, { nil: undefined }),
  })
  .map(({ next, ...rest }) => {
    const frame = { ...rest, ...(next === undefined ? {} : { next }) };
    const digests = frame.records.map(({ object }) => digestOf(object));
    return { ...frame, checksum: frameChecksum(7, frame, digests) };
  });

describe('the checksum of a frame', () => {
  it('fits the frame, its partition, and nothing else', () => {
    fc.assert(
      fc.property(anyFrame, anyFrame, fc.nat(), (frame, other, at) => {
        expect(isWhole(7, frame)).toBe(true);
        expect(isWhole(8, frame)).toBe(false);
        expect(isWhole(7, { ...frame, seq: frame.seq + 1 })).toBe(false);
        expect(isWhole(7, { ...frame, barrier: frame.barrier + 1 })).toBe(false);
        if (other.checksum !== frame.checksum) expect(isWhole(7, { ...other, checksum: frame.checksum })).toBe(false);
        const [first, ...rest] = frame.records;
        if (first === undefined) return;
        expect(isWhole(7, { ...frame, records: rest })).toBe(false);
        if (first.object.length === 0) return;
        const object = first.object.slice();
        object[at % object.length]! ^= 1 << (at % 8);
        expect(isWhole(7, { ...frame, records: [{ ...first, object }, ...rest] })).toBe(false);
      }),
    );
  });
});

describe('credits', () => {
  it('merge every frame once, in order, with never more in flight than allowed, whatever arrives when', () => {
    const frameAt = (seq: number, last: number): TransferFrame => ({
      seq,
      barrier: 0,
      records: [],
      corrupt: [],
      checksum: '0'.repeat(16),
      ...(seq === last ? {} : { next: new Uint8Array(1) }),
    });
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 8 }),
        fc.infiniteStream(fc.nat(1000)),
        (acked, frames, maxFrames, draws) => {
          const last = acked + frames;
          let now = credits.newCredits(acked, maxFrames);
          const inFlight: number[] = [];
          const merged: number[] = [];
          const draw = () => draws.next().value as number;
          for (let step = 0; step < 1_000 && now.acked < last; step += 1) {
            inFlight.push(...credits.seqsToAsk(now));
            now = credits.askedAll(now);
            expect(inFlight.length + now.arrived.length).toBeLessThanOrEqual(maxFrames);
            const arrives = inFlight.splice(draw() % inFlight.length, 1)[0];
            // What is asked beyond the last frame never arrives; one in five arrives twice.
            for (let copy = 0; copy < (draw() % 5 === 0 ? 2 : 1); copy += 1)
              if (arrives !== undefined && arrives <= last) now = credits.arrive(now, frameAt(arrives, last));
            for (let next = credits.nextToMerge(now); next !== undefined; next = credits.nextToMerge(now)) {
              now = credits.mergeBegun(now);
              expect(credits.nextToMerge(now)).toBeUndefined();
              if (draw() % 10 === 0) now = credits.mergeFailed(now);
              else {
                merged.push(next.seq);
                now = credits.merged(now);
              }
            }
          }
          expect(merged).toEqual(Array.from({ length: frames }, (_, index) => acked + 1 + index));
        },
      ),
    );
  });
});

describe('the rate', () => {
  const rules = {
    ...defaultTransferLimits,
    maxBytesPerSecond: 1_000_000,
    minBytesPerSecond: 10_000,
    burstBytes: 50_000,
  };

  it('lets through what it says, and a burst and a frame at most beyond it', () => {
    const anySends = fc.array(fc.tuple(fc.nat(500), fc.nat(100_000)), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(anySends, (sends) => {
        let bucket = fullBucket(rules, 0);
        let [nowMs, sent, largest] = [0, 0, 0];
        for (const [restMs, size] of sends) {
          nowMs += restMs;
          bucket = refill(bucket, rules, nowMs);
          nowMs += waitMs(bucket);
          bucket = refill(bucket, rules, nowMs);
          expect(waitMs(bucket)).toBe(0);
          bucket = spend(bucket, size);
          sent += size;
          largest = Math.max(largest, size);
          expect(sent).toBeLessThanOrEqual(rules.burstBytes + (nowMs * rules.maxBytesPerSecond) / 1000 + largest);
        }
      }),
    );
  });

  it('halves while the foreground is slow, never below its floor, and comes back within 17 quiet intervals', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), (slowTimes) => {
        let bucket = fullBucket(rules, 0);
        for (let time = 1; time <= slowTimes; time += 1) {
          const before = bucket.bytesPerSecond;
          bucket = judgeForeground(refill(bucket, rules, time * 1000), rules, rules.foregroundP99LimitMs + 1);
          expect(bucket.bytesPerSecond).toBe(Math.max(rules.minBytesPerSecond, before / 2));
        }
        for (let time = 0; time < 17; time += 1) bucket = judgeForeground(bucket, rules, undefined);
        expect(bucket.bytesPerSecond).toBe(rules.maxBytesPerSecond);
      }),
    );
  });
});

describe('leaves', () => {
  const digest = fc.constantFrom('a', 'b', 'c');
  const anyLeaves = fc.array(fc.tuple(fc.nat(8), digest)).map((entries) => new Map(entries));

  it('are unsettled where the target may lack something, and nowhere else', () => {
    fc.assert(
      fc.property(anyLeaves, anyLeaves, anyLeaves, (source, target, fetched) => {
        const unsettled = unsettledLeaves(source, target, fetched);
        for (let leaf = 0; leaf <= 8; leaf += 1) {
          const held = source.get(leaf);
          const isSettled = held === undefined || target.get(leaf) === held || fetched.get(leaf) === held;
          expect(unsettled.get(leaf)).toBe(isSettled ? undefined : held);
        }
        const differing = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((leaf) => source.get(leaf) !== target.get(leaf)).length;
        expect(unsettled.size + leavesAhead(source, target, fetched)).toBe(differing);
      }),
    );
  });

  it('are fetched when they differed twice in a row, and the comparisons come to an end', () => {
    fc.assert(
      fc.property(fc.array(anyLeaves, { minLength: 1, maxLength: 20 }), fc.nat(8), (seen, left) => {
        let before: ReadonlyMap<number, string> = new Map();
        for (const [index, unsettled] of seen.entries()) {
          const verdict = judgeLeaves(unsettled, before, left - index);
          const isOver = unsettled.size === 0 || index >= left;
          expect(verdict.type === 'verified').toBe(isOver);
          if (isOver) return;
          const stuck = [...unsettled.keys()].filter((leaf) => before.has(leaf));
          expect(verdict.type).toBe(stuck.length > 0 ? 'fetch' : 'settle');
          if (verdict.type === 'fetch') expect([...verdict.leaves.keys()]).toEqual(stuck);
          before = unsettled;
        }
      }),
    );
  });

  it('tell about how many records they count', () => {
    for (const records of [0, 100, 1_000, 5_000]) {
      const filled = new Set(
        Array.from(
          { length: records },
          (_, index) => Number.parseInt(digestOf(Buffer.from(`k${index}`)).slice(-3), 16) & 1023,
        ),
      );
      expect(estimateRecords(filled.size)).toBeGreaterThanOrEqual(0.9 * records);
      expect(estimateRecords(filled.size)).toBeLessThanOrEqual(1.1 * records);
    }
    expect(estimateRecords(1024)).toBeUndefined();
  });
});

describe('what is kept of a transfer', () => {
  it('comes back as it was, after any frames and passes; other bytes are no state', () => {
    const wanted = fc
      .array(
        fc.tuple(
          fc.nat(1023),
          fc.bigInt(0n, 2n ** 64n - 1n).map((hash) => hash.toString(16).padStart(16, '0')),
        ),
      )
      .map((entries) => new Map(entries));
    fc.assert(
      fc.property(fc.array(fc.oneof(anyFrame, wanted)), fc.uint8Array(), (steps, noise) => {
        let state = freshState(7, 'n1', 'id');
        for (const step of steps) {
          if (step instanceof Map) state = nextPass(state, step);
          else state = advanced(state, { ...step, seq: state.acked + 1 }, 5);
          const read = decodeState(encodeState(state));
          expect(read && { ...read, cursor: read.cursor && [...read.cursor] }).toEqual({
            ...state,
            cursor: state.cursor && [...state.cursor],
          });
          expect(state.corrupt.length).toBeLessThanOrEqual(5);
          if (step instanceof Map) expect(state.acked).toBe(0);
          else if (state.isPassComplete && state.wanted !== undefined)
            for (const [leaf, digest] of state.wanted) expect(fetchedLeaves(state).get(leaf)).toBe(digest);
        }
        expect(decodeState(noise)).toBeUndefined();
      }),
    );
  });
});
