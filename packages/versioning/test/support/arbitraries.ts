import fc from 'fast-check';
import { type Context, makeContext, type VersionedObject } from '../../src/index.ts';

export const anyActor = fc.constantFrom('a', 'b', 'c', '00000000000000ff-1z');
export const anyDot = fc.record({ actor: anyActor, counter: fc.integer({ min: 1, max: 9 }) });

/** A context from loose dots and a stamp, as histories leave them: gaps, runs, several actors. */
export const anyContext: fc.Arbitrary<Context> = fc
  .tuple(
    fc.array(anyDot, { maxLength: 14 }),
    fc.option(fc.record({ wallMs: fc.nat(2 ** 45), logical: fc.nat(300) }), { nil: undefined }),
  )
  .map(([dots, stamp]) => {
    const context = makeContext(
      [],
      dots.map((dot) => [dot.actor, [dot.counter]]),
    );
    return stamp === undefined ? context : { ...context, stamp };
  });

const anyPayload = fc.record(
  {
    value: fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined }),
    contentType: fc.oneof(fc.constant('application/json'), fc.string({ unit: 'grapheme', maxLength: 90 })),
    expiresAtMs: fc.nat(2 ** 45),
    stamp: fc.record({ wallMs: fc.nat(2 ** 45), logical: fc.nat(300) }),
  },
  { requiredKeys: ['value', 'contentType'] },
);

/** Any object that holds what must hold of one: siblings sorted, covered by the clock. Not every one can come of a history. */
export const anyObject: fc.Arbitrary<VersionedObject> = fc
  .tuple(
    fc.uniqueArray(fc.tuple(anyDot, anyPayload), { maxLength: 5, selector: ([dot]) => `${dot.actor}:${dot.counter}` }),
    anyContext,
  )
  .map(([writes, { vector, cloud }]) => ({
    siblings: writes
      .map(([dot, payload]) => ({ dot, ...payload }))
      .sort((a, b) =>
        a.dot.actor === b.dot.actor ? a.dot.counter - b.dot.counter : a.dot.actor < b.dot.actor ? -1 : 1,
      ),
    clock: makeContext(vector, [...cloud, ...writes.map(([dot]) => [dot.actor, [dot.counter]] as [string, number[]])]),
  }));
