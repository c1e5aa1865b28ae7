import type { RecordId } from '@ringfort/storage';
import { makeContext, type Sibling } from '@ringfort/versioning';
import { describe, expect, it } from 'vitest';
import { BucketRules } from '../../sim/bucket-rules.ts';
import type { BucketKind } from '../../sim/plan-shape.ts';

const id: RecordId = { partition: 0, bucket: 'sim', key: 'k' };

function rulesOf(kind: BucketKind, nowMs = 0, offsetsMs: readonly number[] = [0]): BucketRules {
  return new BucketRules(kind, { now: () => nowMs, offsetsMs: () => offsetsMs });
}

function written(counter: number, value: string | undefined, more: Partial<Sibling>): Sibling {
  const bytes = value === undefined ? undefined : Buffer.from(value);
  return { dot: { actor: 'a', counter }, value: bytes, contentType: '', ...more };
}

const objectOf = (...siblings: Sibling[]) => ({ siblings, clock: makeContext([['a', siblings.length]]) });
const at = (wallMs: number) => ({ stamp: { wallMs, logical: 0 } });

function storeOf(...siblings: Sibling[]) {
  const record = { object: objectOf(...siblings), bytes: new Uint8Array(0), digest: '', actor: undefined };
  return { read: () => record, readHint: () => undefined };
}

describe('the last writer wins', () => {
  const first = written(1, 'v1', at(10));
  const second = written(2, 'v2', at(20));
  const deleted = written(3, undefined, at(30));

  function ended(last: Sibling): BucketRules {
    const rules = rulesOf('lww');
    for (const one of [first, second, deleted]) rules.objectSeen(id, objectOf(one));
    rules.noteFinal(storeOf(last), [id]);
    return rules;
  }

  it('lets a write go only when a store was handed a higher one', () => {
    expect(ended(second).mayBeGone('k', 'v1', false)).toBe(true);
    expect(ended(deleted).mayBeGone('k', 'v2', false)).toBe(true);
    const rules = rulesOf('lww');
    for (const one of [first, second]) rules.objectSeen(id, objectOf(one));
    rules.noteFinal(storeOf(first), [id]);
    expect(rules.mayBeGone('k', 'v2', true)).toBe(false);
    expect(rulesOf('lww').mayBeGone('k', 'v1', true)).toBe(false);
    expect(rulesOf('siblings').mayBeGone('k', 'v1', true)).toBe(false);
  });

  it('lets a read leave out what a higher write has outrun', () => {
    const rules = rulesOf('lww');
    rules.objectSeen(id, objectOf(first));
    expect(rules.mayHide('k', 'v1')).toBe(false);
    rules.objectSeen(id, objectOf(second));
    expect(rules.mayHide('k', 'v1')).toBe(true);
    expect(rules.mayHide('k', 'v2')).toBe(false);
  });

  it('finds two values where one must have won', () => {
    const rules = ended(second);
    expect(rules.broken).toEqual([]);
    rules.noteFinal(storeOf(first, second), [id]);
    expect(rules.broken).toMatchObject([{ invariant: 'S1', key: 'k' }]);
  });
});

describe('what expires', () => {
  function seen(nowMs: number, offsetsMs?: readonly number[]): BucketRules {
    const rules = rulesOf('ttl', nowMs, offsetsMs);
    rules.objectSeen(id, objectOf(written(1, 'v1', { expiresAtMs: 1_000 })));
    return rules;
  }

  it('is not shown by a read that began later, by the clock that is furthest behind', () => {
    const brokenBy = (invokedMs: number, offsetsMs?: readonly number[]) => {
      const rules = seen(2_000, offsetsMs);
      rules.checkRead('k', ['v1'], invokedMs);
      return rules.broken;
    };
    expect(brokenBy(999)).toEqual([]);
    expect(brokenBy(1_000)).toMatchObject([{ invariant: 'S1', key: 'k' }]);
    expect(brokenBy(1_500, [0, -600])).toEqual([]);
    expect(brokenBy(1_600, [0, -600])).toHaveLength(1);
  });

  it('may be gone when it has expired, by the clock that is furthest ahead, and a write covers it', () => {
    expect(seen(999).mayBeGone('k', 'v1', true)).toBe(false);
    expect(seen(1_000).mayBeGone('k', 'v1', true)).toBe(true);
    expect(seen(1_000).mayBeGone('k', 'v1', false)).toBe(false);
    expect(seen(900, [100]).mayHide('k', 'v1')).toBe(true);
  });
});
