import { type Context, contextToText, emptyContext, makeContext } from '@ringfort/versioning';
import { describe, expect, it } from 'vitest';
import { checkBounds, SiblingBound } from '../../sim/bounds.ts';
import { Dots } from '../../sim/dots.ts';
import { EventLog } from '../../sim/event-log.ts';
import { checkReplicas, finalValues } from '../../sim/replicas.ts';
import { Requests, type RequestTold } from '../../sim/requests.ts';
import { checkLiveness, checkRefusal } from '../../sim/settle.ts';

const told = (kind: RequestTold['kind'], value?: string, more: Partial<RequestTold> = {}): RequestTold => ({
  client: 'c1',
  kind,
  key: 'k',
  value,
  strict: false,
  r: 2,
  w: 2,
  fullyDurable: true,
  timeoutMs: 100,
  invokedMs: 0,
  ...more,
});
const noLosses = { of: () => ({ flushed: 0, any: 0 }), onKey: () => 0 };
const id = { partition: 0, bucket: 'sim', key: 'k' };
const newDots = () => new Dots(new EventLog(() => 0, false));
const upTo = (counter: number): Context => makeContext([['a', counter]]);
const context = contextToText(upTo(1));

function see(dots: Dots, counter: number, value: string | undefined): void {
  const bytes = value === undefined ? undefined : Buffer.from(value);
  const siblings = [{ dot: { actor: 'a', counter }, value: bytes, contentType: '' }];
  dots.objectSeen('n1', id, { siblings, clock: upTo(counter) }, 'write');
}

describe('S1', () => {
  const acknowledged = (more: Partial<RequestTold> = {}) => {
    const requests = new Requests();
    requests.answered(requests.begin(told('put', 'v1', more)), 5, context);
    return requests;
  };

  it('finds an acknowledged write that is gone', () => {
    expect(acknowledged().checkWrites(new Map([['k', ['v1']]]), noLosses)).toEqual([]);
    const [broken] = acknowledged().checkWrites(new Map(), noLosses);
    expect(broken).toMatchObject({ invariant: 'S1', key: 'k', what: expect.stringContaining('v1 was acknowledged') });
  });

  it('excuses it only when W disks have forgotten it', () => {
    const lostBy = (flushed: number, any: number) => ({ ...noLosses, of: () => ({ flushed, any }) });
    expect(acknowledged().checkWrites(new Map(), lostBy(1, 3))).toHaveLength(1);
    expect(acknowledged().checkWrites(new Map(), lostBy(2, 2))).toEqual([]);
    expect(acknowledged({ w: 3 }).checkWrites(new Map(), lostBy(2, 2))).toHaveLength(1);
    expect(acknowledged({ fullyDurable: false }).checkWrites(new Map(), lostBy(0, 2))).toEqual([]);
  });

  it('finds a value that returns though a write that had seen it was acknowledged, and one from nowhere', () => {
    const requests = acknowledged();
    requests.answered(requests.begin(told('delete', undefined, { context })), 9, undefined);
    expect(requests.checkWrites(new Map([['k', ['v1']]]), noLosses)).toMatchObject([{ invariant: 'S3' }]);
    expect(requests.checkWrites(new Map([['k', ['ghost']]]), noLosses)).toHaveLength(1);
    expect(requests.checkWrites(new Map(), noLosses)).toEqual([]);
  });
});

/** What has these siblings, and has seen all dots up to the last one. */
function object(siblings: readonly (readonly [counter: number, value: string | undefined])[], seen = 1) {
  return {
    siblings: siblings.map(([counter, value]) => ({
      dot: { actor: 'a', counter },
      value: value === undefined ? undefined : Buffer.from(value),
      contentType: '',
    })),
    clock: makeContext([['a', seen]]),
  };
}

describe('what is there in the end', () => {
  const copy = { key: 'k', node: 'n1', digest: 'd', isCorrupt: false };

  it('is what any replica holds', () => {
    const copies = [object([[1, 'v1']]), object([[2, 'v2']], 2), object([[3, undefined]], 3), undefined];
    expect(finalValues(copies.map((held) => ({ ...copy, object: held })))).toEqual(new Map([['k', ['v1', 'v2']]]));
  });
});

describe('S2', () => {
  const copy = (node: string, digest: string | undefined) => ({
    key: 'k',
    node,
    digest,
    object: digest === undefined ? undefined : object([[1, 'v']]),
    isCorrupt: false,
  });

  it('finds replicas that differ', () => {
    expect(checkReplicas([copy('n1', 'd1'), copy('n2', 'd1')], 'in the end')).toEqual([]);
    expect(checkReplicas([copy('n1', 'd1'), copy('n2', 'd2')], 'in the end')).toMatchObject([
      { invariant: 'S2', key: 'k' },
    ]);
    expect(checkReplicas([copy('n1', 'd1'), copy('n2', undefined)], 'in the end')).toHaveLength(1);
    expect(finalValues([copy('n1', 'd1'), copy('n2', undefined)])).toEqual(new Map([['k', ['v']]]));
  });
});

describe('S4', () => {
  it('finds a dot that names two values', () => {
    const dots = newDots();
    see(dots, 1, 'v1');
    see(dots, 1, 'v1');
    expect(dots.broken).toEqual([]);
    see(dots, 1, 'v2');
    see(dots, 1, undefined);
    expect(dots.broken).toMatchObject([{ invariant: 'S4' }, { invariant: 'S4' }]);
  });

  it('finds a context of a put that covers what its writer had not seen', () => {
    const dots = newDots();
    see(dots, 1, 'v1');
    see(dots, 2, 'v2');
    dots.writeAnswered('k', 'v2', upTo(1), upTo(2));
    dots.writeAnswered('k', 'v2', emptyContext, makeContext([], [['a', [2]]]));
    expect(dots.broken).toEqual([]);
    dots.writeAnswered('k', 'v2', undefined, upTo(2));
    expect(dots.broken).toHaveLength(1);
  });

  it('finds a context of a get that covers what it neither returned nor knows overwritten', () => {
    const dots = newDots();
    see(dots, 1, 'v1');
    see(dots, 2, 'v2');
    dots.readAnswered('k', ['v1', 'v2'], upTo(2));
    dots.readAnswered('k', ['v1'], upTo(1));
    expect(dots.broken).toEqual([]);
    dots.readAnswered('k', ['v2'], upTo(2));
    expect(dots.broken).toHaveLength(1);
    dots.writeSent('k', 'v2', upTo(1), false);
    dots.readAnswered('k', ['v2'], upTo(2));
    expect(dots.broken).toHaveLength(1);
  });

  it('finds a write that got two dots', () => {
    const dots = newDots();
    see(dots, 1, 'v1');
    see(dots, 2, 'v1');
    expect(dots.broken).toMatchObject([{ invariant: 'S4', what: expect.stringContaining('two dots') }]);
  });

  it('knows what was overwritten by what was overwritten', () => {
    const dots = newDots();
    const only = (...counters: number[]) => makeContext([], [['a', counters]]);
    for (const counter of [1, 2, 3]) see(dots, counter, `v${counter}`);
    dots.readAnswered('k', ['v3'], only(1, 3));
    expect(dots.broken).toHaveLength(1);
    dots.writeSent('k', 'v2', only(1), false);
    dots.readAnswered('k', ['v3'], only(1, 3));
    expect(dots.broken).toHaveLength(2);
    dots.writeSent('k', 'v3', only(2), false);
    dots.readAnswered('k', ['v3'], only(1, 3));
    expect(dots.broken).toHaveLength(2);
  });

  it('finds a damaged context that was not refused as such', () => {
    const aftermath = {
      unfilled: [],
      rotten: [],
      hintsLeft: [],
      movesLeft: [],
      unread: [],
      unwritten: [],
      activity: ['', ''],
    } as const;
    expect(checkRefusal({ ...aftermath, damaged: 'INVALID_CONTEXT' })).toEqual([]);
    expect(checkRefusal({ ...aftermath, damaged: 'ok' })).toMatchObject([{ invariant: 'S4' }]);
  });

  it('finds a context that does not cover what was returned with it', () => {
    const dots = newDots();
    see(dots, 1, 'v1');
    dots.readAnswered('k', ['v1'], emptyContext);
    expect(dots.broken).toHaveLength(1);
  });
});

describe('S6', () => {
  it('finds a request that ended too late, one that never ended, and a failure without an outcome', () => {
    const endings = (end: (requests: Requests) => void) => {
      const requests = new Requests();
      end(requests);
      return requests.checkEndings(1_000);
    };
    const failAt = (nowMs: number, code: string | undefined, outcome?: 'not-applied' | 'indeterminate') =>
      endings((requests) => requests.failed(requests.begin(told('put', 'v')), nowMs, { code, outcome }));
    expect(failAt(110, 'DEADLINE_EXCEEDED', 'indeterminate')).toEqual([]);
    expect(failAt(111, 'DEADLINE_EXCEEDED', 'indeterminate')).toMatchObject([{ invariant: 'S6' }]);
    expect(failAt(50, 'INTERNAL')).toHaveLength(1);
    expect(failAt(50, undefined, 'not-applied')).toHaveLength(1);
    expect(endings((requests) => requests.begin(told('get')))).toMatchObject([
      { what: expect.stringContaining('never') },
    ]);
  });

  it('finds a write that was applied though it was said not to be', () => {
    const requests = new Requests();
    requests.failed(requests.begin(told('put', 'v1')), 5, { code: 'QUORUM_UNAVAILABLE', outcome: 'not-applied' });
    expect(requests.checkWrites(new Map([['k', ['v1']]]), noLosses)).toMatchObject([{ invariant: 'S6' }]);
    const told2 = new Requests();
    told2.failed(told2.begin(told('put', 'v1')), 5, { code: 'QUORUM_UNAVAILABLE', outcome: 'indeterminate' });
    expect(told2.checkWrites(new Map([['k', ['v1']]]), noLosses)).toEqual([]);
  });
});

describe('strict quorums', () => {
  const missed = (put: Partial<RequestTold>, get: Partial<RequestTold>, explained = false) => {
    const requests = new Requests();
    requests.answered(requests.begin(told('put', 'v1', { strict: true, ...put })), 5, 'context');
    const read = requests.begin(told('get', undefined, { strict: true, invokedMs: 6, ...get }));
    return requests.checkStrictRead(read, [], 3, () => explained);
  };

  it('finds a read that misses what was acknowledged before it', () => {
    expect(missed({}, {})).toMatchObject([{ invariant: 'QUORUM', key: 'k' }]);
    expect(missed({}, {}, true)).toEqual([]);
    expect(missed({ w: 1 }, {})).toEqual([]);
    expect(missed({ w: 1 }, { r: 3 })).toHaveLength(1);
    expect(missed({}, { invokedMs: 4 })).toEqual([]);
    expect(missed({ strict: false }, {})).toEqual([]);
    expect(missed({}, { strict: false })).toEqual([]);
  });
});

describe('S7', () => {
  it('finds what grew past its bound', () => {
    const sample = { node: 'n1', what: 'requests in flight', bound: 4 };
    expect(checkBounds([{ ...sample, value: 4 }])).toEqual([]);
    expect(checkBounds([{ ...sample, value: 5 }])).toMatchObject([{ invariant: 'S7' }]);
  });

  it('finds a write that adds a sibling beyond the limit, and not a merge that does', () => {
    const bound = new SiblingBound(1);
    const siblings = [1, 2].map((counter) => ({ dot: { actor: 'a', counter }, value: undefined, contentType: '' }));
    for (const sibling of siblings) bound.objectSeen('n1', id, { siblings: [sibling], clock: upTo(2) });
    bound.objectSeen('n2', id, { siblings, clock: upTo(2) });
    expect(bound.broken).toEqual([]);
    const third = { dot: { actor: 'b', counter: 1 }, value: undefined, contentType: '' };
    bound.objectSeen('n1', id, { siblings: [...siblings, third], clock: upTo(2) });
    expect(bound.broken).toMatchObject([{ invariant: 'S7', key: 'k' }]);
  });
});

describe('L1', () => {
  const well = {
    unfilled: [],
    rotten: [],
    hintsLeft: [],
    movesLeft: [],
    unread: [],
    unwritten: [],
    activity: ['idle', 'idle'],
  } as const;

  it('finds nodes that stay apart, hints that stay, keys that are not served, and a cluster that is not quiet', () => {
    expect(checkLiveness(well)).toEqual([]);
    for (const ill of [
      { apart: 'n1 takes n2 for down' },
      { hintsLeft: ['n1 owes n2 3'] },
      { movesLeft: ['slot 3/1 goes from n1 to n4'] },
      { unread: ['k'] },
      { unwritten: ['k'] },
      { activity: ['1 repair', '2 repairs'] as const },
    ]) {
      expect(checkLiveness({ ...well, ...ill })).toMatchObject([{ invariant: 'L1' }]);
    }
  });
});
