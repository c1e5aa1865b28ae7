import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assumedGaps,
  type Gaps,
  goodLuck,
  phiAmongHelpers,
  phiOfLoss,
  phiOfSilence,
  withAnswer,
  withGap,
} from '../src/phi-core.ts';

const anyMs = fc.double({ min: 0, max: 1e9, noNaN: true });
const gapMs = fc.double({ min: 1, max: 100_000, noNaN: true });
const anyGaps = fc.array(anyMs, { maxLength: 80 }).map((gaps) => gaps.reduce(withGap, assumedGaps(5000, 3)));

function after(gaps: readonly number[]): Gaps {
  return gaps.reduce(withGap, assumedGaps(5000, 3));
}

describe('the suspicion of a silence', () => {
  it('is nothing at first, never falls while the silence lasts, and is always a number', () => {
    fc.assert(
      fc.property(anyGaps, anyMs, anyMs, (gaps, a, b) => {
        const [shorter, longer] = [Math.min(a, b), Math.max(a, b)];
        expect(phiOfSilence(0, gaps)).toBe(0);
        expect(Number.isFinite(phiOfSilence(longer, gaps))).toBe(true);
        expect(phiOfSilence(longer, gaps)).toBeGreaterThanOrEqual(phiOfSilence(shorter, gaps) - 1e-6);
      }),
    );
    for (const silentMs of [Number.MAX_VALUE, Infinity])
      expect(Number.isFinite(phiOfSilence(silentMs, after([1])))).toBe(true);
  });

  it('does not depend on the unit of time', () => {
    fc.assert(
      fc.property(fc.array(gapMs, { minLength: 40, maxLength: 60 }), gapMs, (gaps, silentMs) => {
        const tenfold = gaps.map((ms) => ms * 10).reduce(withGap, assumedGaps(50_000, 3));
        expect(phiOfSilence(silentMs * 10, tenfold)).toBeCloseTo(phiOfSilence(silentMs, after(gaps)), 6);
      }),
    );
  });

  it('comes later the longer the gaps are', () => {
    fc.assert(
      fc.property(fc.array(gapMs, { minLength: 1, maxLength: 60 }), gapMs, gapMs, (gaps, silentMs, more) => {
        const factor = 1 + more / 1000;
        const wider = gaps.map((ms) => ms * factor).reduce(withGap, assumedGaps(5000 * factor, 3));
        expect(phiOfSilence(silentMs, wider)).toBeLessThanOrEqual(phiOfSilence(silentMs, after(gaps)) + 1e-6);
      }),
    );
  });

  it('is the logarithm of how often a gap of that kind is longer', () => {
    // Exponential gaps of 1 s: one in a thousand is longer than 6.9 s. Regular ones: hardly one is longer than 5 s.
    const quantile = (u: number) => -1000 * Math.log(1 - u);
    const irregular = Array.from({ length: 400 }, (_, i) => quantile(((i * 157) % 400) / 400 + 1 / 800));
    expect(phiOfSilence(6908, after(irregular))).toBeGreaterThan(2);
    expect(phiOfSilence(6908, after(irregular))).toBeLessThan(5);
    const regular = Array.from({ length: 100 }, (_, i) => 950 + ((i * 37) % 100));
    expect(phiOfSilence(1500, after(regular))).toBeLessThan(3);
    expect(phiOfSilence(5000, after(regular))).toBeGreaterThan(5);
  });

  it('of a peer of which nothing is known is as large as was assumed', () => {
    fc.assert(
      fc.property(gapMs, fc.double({ min: 1, max: 8, noNaN: true }), (silentMs, phi) => {
        fc.pre(silentMs > 100);
        expect(phiOfSilence(silentMs, assumedGaps(silentMs, phi))).toBeCloseTo(phi, 6);
      }),
    );
  });

  it('forgets how a peer was heard of long ago', () => {
    const then = after(Array.from({ length: 200 }, () => 1000));
    const now = Array.from({ length: 200 }, () => 5000).reduce(withGap, then);
    expect(phiOfSilence(5000, then)).toBeGreaterThan(5);
    expect(phiOfSilence(5000, now)).toBeLessThan(1);
    expect(now.count).toBeLessThanOrEqual(32);
  });
});

describe('the suspicion of a request without an answer', () => {
  const tries = (lost: readonly number[]) => phiOfLoss(lost.reduce(withAnswer, goodLuck));

  it('follows the share that is lost, within its bounds', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { maxLength: 300 }), (lost) => {
        expect(tries(lost)).toBeGreaterThan(0.09);
        expect(tries(lost)).toBeLessThanOrEqual(2);
      }),
    );
    expect(tries([])).toBe(2);
    // One in ten is lost; then one in two, and that is noticed soon.
    const oneInTen = Array.from({ length: 900 }, (_, i) => (i % 9 === 0 ? 1 : 0));
    expect(tries(oneInTen)).toBeGreaterThan(0.75);
    expect(tries(oneInTen)).toBeLessThan(1.1);
    expect(tries([...oneInTen, ...Array.from({ length: 10 }, () => 1)])).toBeLessThan(0.6);
    expect(tries(Array.from({ length: 900 }, () => 1))).toBeCloseTo(0.3, 1);
  });

  it('is worth less the more helpers fell silent while others did not', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 2, noNaN: true }),
        fc.integer({ min: 2, max: 3 }),
        fc.nat(2),
        (phi, asked, silent) => {
          fc.pre(silent < asked);
          const worth = (count: number) => phiAmongHelpers(phi, asked, asked - count);
          expect(worth(0)).toBe(phi);
          expect(worth(asked)).toBe(phi);
          expect(worth(silent)).toBeLessThanOrEqual(worth(Math.max(0, silent - 1)));
          expect(worth(silent)).toBeGreaterThan(0);
        },
      ),
    );
  });
});
