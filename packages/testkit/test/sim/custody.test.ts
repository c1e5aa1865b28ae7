import { defaultLimits } from '@ringfort/coordinator';
import { contextToText, type Dot, makeContext } from '@ringfort/versioning';
import { describe, expect, it } from 'vitest';
import { Custody } from '../../sim/custody.ts';
import { Requests, type RequestTold } from '../../sim/requests.ts';

const id = { partition: 0, bucket: 'sim', key: 'k' };
const told = (kind: RequestTold['kind'], more: Partial<RequestTold> = {}): RequestTold => ({
  client: 'c1',
  kind,
  key: 'k',
  strict: false,
  r: 2,
  w: 2,
  fullyDurable: true,
  timeoutMs: 100,
  invokedMs: 0,
  ...more,
});
const dotOf = (counter: number): Dot => ({ actor: 'a', counter });
const upTo = (counter: number) => contextToText(makeContext([['a', counter]]));
const only = (counter: number) => contextToText(makeContext([], [['a', [counter]]]));

/** A context of as many entries, none of which is of actor `a`, and one dot of that. */
const cutTo = (entries: number, counter: number) => {
  const others = Array.from({ length: entries - 1 }, (_, index) => [`b${index}`, 1] as const);
  return contextToText(makeContext(others, [['a', [counter]]]));
};

const hint = (counter: number, value: string) => ({
  siblings: [{ dot: dotOf(counter), value: Buffer.from(value), contentType: '' }],
  clock: makeContext([['a', counter]]),
});

/** Two stores that the coordinator hands objects of one sibling each. */
function world() {
  const custody = new Custody();
  const requests = new Requests(custody);
  const store = (nodes: readonly string[], counter: number, value: string | undefined, durable = true) => {
    const sibling = {
      dot: dotOf(counter),
      value: value === undefined ? undefined : Buffer.from(value),
      contentType: '',
    };
    for (const node of nodes) {
      custody.objectStored(node, id, { siblings: [sibling], clock: makeContext([['a', counter]]) }, durable);
    }
  };
  const put = (value: string, reply: string, more: Partial<RequestTold> = {}) =>
    requests.answered(requests.begin(told('put', { value, ...more })), 5, reply);
  const remove = (context: string | undefined, reply: string) =>
    requests.answered(requests.begin(told('delete', { context })), 9, reply);
  /** Two disks forgot something of the key, by the coarse count. */
  const twoLost = { of: () => ({ flushed: 2, any: 2 }), onKey: () => 2 };
  const noneLost = { of: () => ({ flushed: 0, any: 0 }), onKey: () => 0 };
  const check = (values: readonly string[], losses = noneLost) =>
    requests.checkWrites(new Map([['k', values]]), losses).map(({ invariant, what }) => `${invariant} ${what}`);
  return { custody, requests, store, put, remove, check, twoLost, noneLost };
}

describe('S1, by the stores that acknowledged', () => {
  it('finds a write that was acknowledged by fewer than W of them, or not from disk', () => {
    const { requests, store, put } = world();
    store(['n1', 'n2'], 1, 'v1');
    put('v1', upTo(1));
    expect(requests.broken).toEqual([]);
    store(['n1'], 2, 'v2');
    put('v2', upTo(2));
    store(['n1', 'n2'], 3, 'v3', false);
    put('v3', upTo(3));
    put('v4', upTo(4), { fullyDurable: false });
    expect(requests.broken.map(({ what }) => what)).toEqual([
      expect.stringContaining('1 stores had it on disk (n1), W is 2'),
      expect.stringContaining('0 stores had it on disk (), W is 2'),
      expect.stringContaining('no store has it'),
    ]);
  });

  it('does not excuse a write that is gone while a store that acknowledged it lost nothing', () => {
    const { custody, store, put, check, twoLost } = world();
    store(['n1', 'n2'], 1, 'v1');
    put('v1', upTo(1));
    store(['n3'], 1, 'v1');
    custody.lost('n1', 'k', true);
    custody.lost('n3', 'k', true);
    expect(check([], twoLost)).toEqual([expect.stringMatching(/^S1 .*v1 was acknowledged/)]);
    custody.lost('n2', 'k', false);
    expect(check([], twoLost)).toHaveLength(1);
    custody.lost('n2', 'k', true);
    expect(check([], twoLost)).toEqual([]);
  });

  it('holds a stand-in responsible until it has handed the write over', () => {
    const { custody, store, put, check, twoLost } = world();
    store(['n1', 'n4'], 1, 'v1');
    put('v1', upTo(1));
    custody.lost('n1', 'k', true);
    expect(check([], twoLost)).toHaveLength(1);
    custody.hintDropped('n4', id, hint(1, 'v1'), undefined);
    expect(check([], twoLost)).toEqual([]);
  });

  it('holds a stand-in responsible neither for what the record that it handed over had replaced', () => {
    const { custody, store, put, check, twoLost } = world();
    store(['n1', 'n4'], 1, 'v1');
    put('v1', upTo(1));
    store(['n4'], 2, 'v2');
    custody.lost('n1', 'k', true);
    custody.hintDropped('n4', id, hint(2, 'v2'), undefined);
    expect(check([], twoLost)).toEqual([]);
  });

  it('holds who hands a write over responsible all the same where it is a replica of it itself', () => {
    const { custody, store, put, check, twoLost } = world();
    store(['n1', 'n2'], 1, 'v1');
    put('v1', upTo(1));
    custody.lost('n1', 'k', true);
    custody.hintDropped('n2', id, hint(1, 'v1'), hint(1, 'v1'));
    expect(check([], twoLost)).toHaveLength(1);
  });
});

describe('S3', () => {
  it('finds a deleted value that returns, though disks forgot something, as long as one has the tombstone', () => {
    const { custody, store, put, remove, check, twoLost } = world();
    store(['n1', 'n2'], 1, 'v1');
    put('v1', upTo(1));
    store(['n1', 'n2'], 2, undefined);
    remove(upTo(1), upTo(2));
    expect(check([])).toEqual([]);
    expect(check(['v1'])).toEqual([expect.stringMatching(/^S3 .*v1 is there, though/)]);
    custody.lost('n1', 'k', true);
    expect(check(['v1'], twoLost)).toHaveLength(1);
    custody.lost('n2', 'k', true);
    expect(check(['v1'], twoLost)).toEqual([]);
  });

  it('finds what a delete without a context covered and what returns, and what it did not cover and what is lost', () => {
    const { store, put, remove, check } = world();
    store(['n1', 'n2'], 1, 'v1');
    put('v1', upTo(1));
    store(['n1', 'n2'], 2, 'v2');
    put('v2', only(2));
    store(['n1', 'n2'], 3, undefined);
    remove(undefined, contextToText(makeContext([['a', 1]], [['a', [3]]])));
    expect(check(['v2'])).toEqual([]);
    expect(check(['v1', 'v2'])).toEqual([expect.stringMatching(/^S3 .*v1 is there/)]);
    expect(check([])).toEqual([expect.stringMatching(/^S1 .*v2 was acknowledged/)]);
  });

  it.each([
    ['tells it by the tombstone, where the reply was cut to its bound', defaultLimits.maxContextEntries, []],
    ['believes a reply below its bound', defaultLimits.maxContextEntries - 1, ['v1']],
  ])('of a delete without a context %s', (_, entries, lost) => {
    const { custody, store, put, remove, check } = world();
    store(['n1', 'n2'], 1, 'v1');
    put('v1', upTo(1));
    store(['n1', 'n2'], 2, undefined);
    store(['n1', 'n2'], 3, 'v3');
    put('v3', only(3));
    const concurrent = { dot: dotOf(3), value: Buffer.from('v3'), contentType: '' };
    const tombstone = { dot: dotOf(4), value: undefined, contentType: '' };
    custody.objectSeen('n1', id, { siblings: [concurrent, tombstone], clock: makeContext([['a', 4]]) });
    store(['n1', 'n2'], 4, undefined);
    remove(undefined, cutTo(entries, 4));
    const told = (values: readonly string[]) => values.map((value) => expect.stringMatching(`^S1 .*${value} was ack`));
    expect(check(['v3'])).toEqual(told(lost));
    expect(check([])).toEqual(told([...lost, 'v3']));
    expect(check(['v1', 'v3'])).toHaveLength(1 - lost.length);
  });
});

describe('S6', () => {
  it('finds a write that any store took though it was said not to be applied, even when it is gone again', () => {
    const { requests, store, check } = world();
    store(['n1'], 1, 'v1');
    requests.failed(requests.begin(told('put', { value: 'v1' })), 5, { code: 'OVERLOADED', outcome: 'not-applied' });
    requests.failed(requests.begin(told('put', { value: 'v2' })), 5, { code: 'OVERLOADED', outcome: 'not-applied' });
    expect(check([])).toEqual([expect.stringMatching(/^S6 .*a store took v1, which was said not to be applied/)]);
  });
});
