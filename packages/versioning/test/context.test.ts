import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addDot,
  boundContext,
  compareContexts,
  contextSize,
  covers,
  type Dot,
  emptyContext,
  joinContexts,
  makeContext,
} from '../src/index.ts';
import { anyContext, anyDot } from './support/arbitraries.ts';

const dots: Dot[] = ['a', 'b', 'c', '00000000000000ff-1z'].flatMap((actor) =>
  Array.from({ length: 9 }, (_, i) => ({ actor, counter: i + 1 })),
);

describe('contexts', () => {
  it('know what either knew once joined, and add one dot at a time, as sets would', () => {
    fc.assert(
      fc.property(anyContext, anyContext, anyDot, (a, b, dot) => {
        const joined = joinContexts(a, b);
        const added = addDot(a, dot);
        for (const one of dots) {
          expect(covers(joined, one)).toBe(covers(a, one) || covers(b, one));
          expect(covers(added, one)).toBe(covers(a, one) || (one.actor === dot.actor && one.counter === dot.counter));
        }
      }),
    );
  });

  it('have one shape for equal knowledge, whatever the order it came in', () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyDot, { selector: (d) => `${d.actor}:${d.counter}` }), (some) => {
        const forwards = some.reduce(addDot, emptyContext);
        expect([...some].reverse().reduce(addDot, emptyContext)).toEqual(forwards);
        for (const [actor, counters] of forwards.cloud)
          expect(counters[0]).toBeGreaterThan((forwards.vector.get(actor) ?? 0) + 1);
      }),
    );
  });

  it('answer the same object when nothing is learnt', () => {
    fc.assert(
      fc.property(anyContext, anyDot, (context, dot) => {
        const added = addDot(context, dot);
        expect(addDot(added, dot)).toBe(added);
        expect(joinContexts(added, emptyContext)).toBe(added);
      }),
    );
  });

  it('compare by what they know', () => {
    fc.assert(
      fc.property(anyContext, anyContext, (a, b) => {
        const [inA, inB] = [dots.filter((d) => covers(a, d)), dots.filter((d) => covers(b, d))];
        const after = inB.every((d) => inA.includes(d));
        const before = inA.every((d) => inB.includes(d));
        const expected = after ? (before ? 'equal' : 'after') : before ? 'before' : 'concurrent';
        expect(compareContexts(a, b)).toBe(expected);
      }),
    );
  });

  it('forget within a bound, never learn by it, and keep the dots to keep', () => {
    fc.assert(
      fc.property(anyContext, fc.nat(6), fc.array(fc.nat(), { maxLength: 3 }), (context, bound, picks) => {
        const known = dots.filter((dot) => covers(context, dot));
        const keep = known.length === 0 ? [] : picks.map((pick) => known[pick % known.length]!);
        const bounded = boundContext(context, keep, bound);
        for (const dot of keep) expect(covers(bounded, dot)).toBe(true);
        for (const dot of dots) if (covers(bounded, dot)) expect(covers(context, dot)).toBe(true);
        expect(contextSize(bounded)).toBeLessThanOrEqual(Math.max(bound, keep.length));
        expect(bounded.stamp).toEqual(context.stamp);
      }),
    );
  });

  it('are made compact from contiguous, repeated and covered counters', () => {
    const made = makeContext([['a', 2]], [['a', [5, 3, 3, 1]]]);
    expect(made).toEqual({ vector: new Map([['a', 3]]), cloud: new Map([['a', [5]]]) });
  });
});
