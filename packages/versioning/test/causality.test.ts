import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contextOf, covers, decodeContext, encodeContext, encodeObject, mergeObjects, parseDot } from '../src/index.ts';
import { History, type Step } from './support/history.ts';

const replica = fc.nat(2);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('put' as const), at: replica, by: replica, blind: fc.boolean() }),
  fc.record({ do: fc.constant('get' as const), at: replica, by: replica }),
  fc.record({ do: fc.constant('sync' as const), from: replica, to: replica }),
);
const anyHistory = fc.array(anyStep, { minLength: 1, maxLength: 40 });

describe('against a model that forgets nothing', () => {
  it('shows exactly the writes that no other write had seen: none dropped, none dominated kept', () => {
    fc.assert(
      fc.property(anyHistory, (steps) => {
        const history = new History().run(steps);
        for (const at of [0, 1, 2]) expect(history.shown(at)).toEqual(history.expected(at));
      }),
      { numRuns: 1500 },
    );
  });

  it('hands out contexts that cover exactly what the client has seen (S4), also through the codec', () => {
    fc.assert(
      fc.property(anyHistory, (steps) => {
        const history = new History().run(steps);
        for (const { context, seen } of history.clients) {
          if (context === undefined) continue;
          const decoded = decodeContext(encodeContext(context));
          for (const name of history.events.keys()) expect(covers(decoded, parseDot(name))).toBe(seen.has(name));
        }
      }),
      { numRuns: 800 },
    );
  });

  it('merges commutatively, associatively and idempotently, down to the bytes', () => {
    fc.assert(
      fc.property(anyHistory, fc.boolean(), (steps, lww) => {
        const history = new History(lww).run([
          { do: 'put', at: 0, by: 0, blind: true },
          { do: 'put', at: 1, by: 1, blind: true },
          { do: 'put', at: 2, by: 2, blind: true },
          ...steps,
        ]);
        const [a, b, c] = history.replicas.map((one) => one.object!) as [never, never, never];
        expect(encodeObject(mergeObjects(a, b))).toEqual(encodeObject(mergeObjects(b, a)));
        expect(encodeObject(mergeObjects(mergeObjects(a, b), c))).toEqual(
          encodeObject(mergeObjects(a, mergeObjects(b, c))),
        );
        const merged = mergeObjects(a, b);
        expect(mergeObjects(merged, a)).toBe(merged);
        expect([b, merged]).toContain(mergeObjects(b, merged));
        expect(mergeObjects(a, a)).toBe(a);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps the highest stamp of an LWW bucket, and never lets an older stamp overrule one that had seen it', () => {
    fc.assert(
      fc.property(anyHistory, (steps) => {
        const history = new History(true).run(steps);
        for (const at of [0, 1, 2]) history.sync(at, 0);
        const shown = history.shown(0);
        expect(shown).toHaveLength(history.events.size === 0 ? 0 : 1);
        for (const name of shown) expect(history.expected(0)).toContain(name);
      }),
      { numRuns: 800 },
    );
  });
});

describe('sibling explosion (riak_test#383)', () => {
  it('two clients in turn, each with the context of its own last put, make two siblings', () => {
    const history = new History();
    const turns: Step[] = Array.from({ length: 100 }, (_, i) => ({ do: 'put', at: 0, by: i % 2, blind: false }));
    history.run(turns);
    expect(history.shown(0)).toEqual(['r0:100', 'r0:99']);
    expect(contextOf(history.replicas[0]!.object!).cloud.size).toBe(0);
  });

  it('siblings never exceed the clients that write concurrently, each with its own last context', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(replica, replica), { maxLength: 60 }), (puts) => {
        const history = new History().run(puts.map(([at, by]) => ({ do: 'put', at, by, blind: false })));
        history.run([0, 1, 2].map((from) => ({ do: 'sync', from, to: 0 })));
        expect(history.shown(0).length).toBeLessThanOrEqual(new Set(puts.map(([, by]) => by)).size);
      }),
    );
  });
});
