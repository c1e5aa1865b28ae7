import { describe, expect, it } from 'vitest';
import {
  contextAfterPut,
  contextOf,
  covers,
  DotReusedError,
  isTombstone,
  liveSiblings,
  mergeObjects,
  nextStamp,
  siblingCount,
  updateObject,
} from '../src/index.ts';

const text = (value: string) => ({ value: Buffer.from(value), contentType: 'text/plain' });
const tombstone = { value: undefined, contentType: '' };
const dot = (actor: string, counter: number) => ({ actor, counter });

describe('siblings', () => {
  it('a delete and a concurrent put stay side by side; the reader is shown the put', () => {
    const first = updateObject(undefined, undefined, dot('a', 1), text('1'));
    const deleted = updateObject(first, contextOf(first), dot('a', 2), tombstone);
    const put = updateObject(first, contextOf(first), dot('b', 1), text('2'));
    const merged = mergeObjects(deleted, put);
    expect(siblingCount(merged)).toBe(2);
    expect(merged.siblings.map(isTombstone)).toEqual([true, false]);
    expect(liveSiblings(merged, 0).map((one) => one.dot)).toEqual([dot('b', 1)]);
  });

  it('are not shown from the very millisecond of their expiry on', () => {
    const object = updateObject(undefined, undefined, dot('a', 1), { ...text('1'), expiresAtMs: 100 });
    expect(liveSiblings(object, 99)).toBe(object.siblings);
    expect(liveSiblings(object, 100)).toEqual([]);
  });

  it('a put that was told of a concurrent one by nobody does not cover it', () => {
    const first = updateObject(undefined, undefined, dot('a', 1), text('1'));
    const mine = contextAfterPut(contextOf(first), dot('a', 3));
    expect(covers(mine, dot('a', 1))).toBe(true);
    expect(covers(mine, dot('a', 2))).toBe(false);
    expect(covers(mine, dot('a', 3))).toBe(true);
  });

  it('a dot that is known already is refused, by the object as by the context', () => {
    const first = updateObject(undefined, undefined, dot('a', 1), text('1'));
    expect(() => updateObject(first, undefined, dot('a', 1), text('2'))).toThrow(DotReusedError);
    expect(() => updateObject(undefined, contextOf(first), dot('a', 1), text('2'))).toThrow(DotReusedError);
  });

  it('with stamps: one that had seen another wins over it, though its coordinator held neither it nor the time', () => {
    const ahead = updateObject(undefined, undefined, dot('a', 1), {
      ...text('ahead'),
      stamp: { wallMs: 9000, logical: 0 },
    });
    const other = updateObject(undefined, undefined, dot('b', 1), {
      ...text('other'),
      stamp: { wallMs: 50, logical: 0 },
    });
    const context = contextOf(ahead);
    const stamp = nextStamp(undefined, 10, context.stamp, ...other.siblings.map((one) => one.stamp));
    const later = updateObject(other, context, dot('b', 2), { ...text('later'), stamp });
    expect(stamp).toEqual({ wallMs: 9000, logical: 1 });
    for (const merged of [mergeObjects(later, ahead), mergeObjects(ahead, later)])
      expect(merged.siblings.map((one) => one.dot)).toEqual([dot('b', 2)]);
  });
});

describe('nextStamp', () => {
  it('follows the wall clock, and goes on when that stands still or jumps back', () => {
    const first = nextStamp(undefined, 100.7);
    expect(first).toEqual({ wallMs: 100, logical: 0 });
    const second = nextStamp(first, 100);
    expect(second).toEqual({ wallMs: 100, logical: 1 });
    expect(nextStamp(second, 5)).toEqual({ wallMs: 100, logical: 2 });
    expect(nextStamp(second, 101)).toEqual({ wallMs: 101, logical: 0 });
    expect(nextStamp(second, 0, { wallMs: 100, logical: 8 }, undefined)).toEqual({ wallMs: 100, logical: 9 });
  });
});
