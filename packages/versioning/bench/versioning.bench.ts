import { Packr } from 'msgpackr';
import { bench, describe } from 'vitest';
import * as v from '../src/index.ts';

/**
 * What versioning adds to every put and get. `npx vitest bench --run`; 1000 divided by the column `hz` in thousands is microseconds,
 * the column `mean` is milliseconds per call.
 */

const a = '0123456789abcdef-a';
const b = 'fedcba9876543210-3f';
const payload = { value: new Uint8Array(1024).fill(7), contentType: 'application/octet-stream' };
const one = v.updateObject(undefined, undefined, { actor: a, counter: 1 }, payload);
const object = v.updateObject(one, v.contextOf(one), { actor: b, counter: 1 }, payload);
const newer = v.updateObject(object, v.contextOf(object), { actor: a, counter: 2 }, payload);
const concurrent = v.updateObject(object, v.contextOf(one), { actor: b, counter: 2 }, payload);
const bytes = v.encodeObject(object);
const context = v.contextOf(object);
const contextBytes = v.encodeContext(context);
const context2 = v.contextOf(newer);

const packr = new Packr({ useRecords: false });
const asArrays = (o: v.VersionedObject) => [
  1,
  [...o.clock.vector].flat(),
  o.siblings.map((s) => [s.dot.actor, s.dot.counter, s.contentType, s.value]),
];
const packed = packr.pack(asArrays(object));

describe('1 KB, one sibling, two actors', () => {
  bench('encodeObject', () => void v.encodeObject(object));
  bench('decodeObject', () => void v.decodeObject(bytes));
  bench('msgpackr arrays: pack (no canonical order)', () => void packr.pack(asArrays(object)));
  bench('msgpackr arrays: unpack (to arrays only)', () => void packr.unpack(packed));
  bench('updateObject', () => void v.updateObject(object, context, { actor: a, counter: 2 }, payload));
  bench('mergeObjects, one newer', () => void v.mergeObjects(object, newer));
  bench('mergeObjects, concurrent', () => void v.mergeObjects(newer, concurrent));
  bench('encodeContext', () => void v.encodeContext(context2));
  bench('decodeContext', () => void v.decodeContext(contextBytes));
});

const versioner = await v.createVersioner({ random: (count) => new Uint8Array(count) });
const { dot } = versioner.dotFor({ keyId: 'k' });
const record = { actor: dot.actor, clock: v.addDot(v.emptyContext, dot) };
describe('versioner', () => {
  bench('dotFor, actor of this run', () => void versioner.dotFor({ keyId: 'k', record, context }));
});
