import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  contextOf,
  decodeObject,
  encodeObject,
  highestCounter,
  mergeObjects,
  type Payload,
  replaces,
  updateObject,
  type VersionedObject,
  vectorEntryOf,
} from '../src/index.ts';
import { anyActor, anyObject } from './support/arbitraries.ts';

const payload = (text: string): Payload => ({ value: Buffer.from(text), contentType: 'text/plain' });

/** What `replaces` saves. */
const mergedBytes = (newer: Uint8Array, older: Uint8Array) =>
  encodeObject(mergeObjects(decodeObject(older), decodeObject(newer)));

const overwrite = (held: VersionedObject, actor: string, written: Payload) =>
  updateObject(held, contextOf(held), { actor, counter: highestCounter(held.clock, actor) + 1 }, written);

/** Objects without detached dots and stamps, of a few writes that saw all or nothing of what was held. */
const anyPlainObject = fc
  .array(fc.tuple(anyActor, fc.boolean(), fc.string({ maxLength: 300 })), { minLength: 1, maxLength: 6 })
  .map((writes) =>
    writes.reduce<VersionedObject | undefined>((held, [actor, seen, text]) => {
      const counter = held === undefined ? 1 : highestCounter(held.clock, actor) + 1;
      const context = seen && held !== undefined ? contextOf(held) : undefined;
      return updateObject(held, context, { actor, counter }, payload(text));
    }, undefined),
  )
  .map((object) => object!);

describe('replaces', () => {
  it('says yes only where merging gives exactly the newer bytes', () => {
    const anyBytes = fc.oneof(anyObject, anyPlainObject).map(encodeObject);
    let yes = 0;
    fc.assert(
      fc.property(anyBytes, anyBytes, (newer, older) => {
        if (!replaces(newer, older)) return;
        yes++;
        expect(mergedBytes(newer, older)).toEqual(newer);
      }),
      { numRuns: 5000 },
    );
    expect(yes).toBeGreaterThan(10);
  });

  it('says yes to every overwrite with context', () => {
    const written = fc.record(
      { value: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }), expiresAtMs: fc.nat(2 ** 45) },
      { requiredKeys: ['value'] },
    );
    fc.assert(
      fc.property(anyPlainObject, anyActor, written, (held, actor, one) => {
        const [newer, older] = [overwrite(held, actor, { ...one, contentType: 'text/plain' }), held].map(encodeObject);
        expect(replaces(newer!, older!)).toBe(true);
        expect(mergedBytes(newer!, older!)).toEqual(newer);
        expect(replaces(older!, newer!)).toBe(false);
      }),
    );
  });

  it('says no to what does not decode, whatever was done to it', () => {
    const change = fc.record({ at: fc.nat(400), by: fc.integer({ min: 1, max: 255 }), cut: fc.nat(3), add: fc.nat(1) });
    let yes = 0;
    fc.assert(
      fc.property(anyPlainObject, anyActor, change, (held, actor, { at, by, cut, add }) => {
        const older = encodeObject(held);
        const whole = encodeObject(overwrite(held, actor, payload('x')));
        const newer = Buffer.concat([whole.subarray(0, whole.length - cut), Buffer.alloc(add)]);
        newer[at % newer.length]! ^= by;
        if (!replaces(newer, older)) return;
        yes++;
        expect(mergedBytes(newer, older)).toEqual(newer);
      }),
      { numRuns: 5000 },
    );
    expect(yes).toBeGreaterThan(10);
  });

  it('leaves stamps, siblings, detached dots and long clocks to merging', () => {
    const held = updateObject(undefined, undefined, { actor: 'a', counter: 1 }, payload('1'));
    const no = [
      overwrite(held, 'a', { ...payload('2'), stamp: { wallMs: 1, logical: 0 } }),
      updateObject(held, undefined, { actor: 'a', counter: 2 }, payload('2')),
      updateObject(held, contextOf(held), { actor: 'a', counter: 3 }, payload('2')),
      overwrite(held, 'ü', payload('2')),
      Array.from({ length: 40 }, (_, i) => `actor${i}`).reduce(
        (one, actor) => overwrite(one, actor, payload('')),
        held,
      ),
    ];
    for (const newer of no) expect(replaces(encodeObject(newer), encodeObject(held))).toBe(false);
  });
});

it('vectorEntryOf is the vector entry of the decoded object', () => {
  fc.assert(
    fc.property(anyPlainObject, anyActor, (object, actor) => {
      expect(vectorEntryOf(encodeObject(object), actor)).toBe(object.clock.vector.get(actor) ?? 0);
    }),
  );
});
