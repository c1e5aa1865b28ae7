import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CorruptObjectError,
  contextFromText,
  contextToText,
  decodeContext,
  decodeObject,
  emptyContext,
  encodeContext,
  encodeObject,
  formatDot,
  InvalidContextError,
  InvalidDotError,
  parseDot,
  UnencodableError,
} from '../src/index.ts';
import { anyContext, anyDot, anyObject } from './support/arbitraries.ts';

describe('the bytes of an object', () => {
  it('come back as the same object, and as the same bytes', () => {
    fc.assert(
      fc.property(anyObject, (object) => {
        const bytes = encodeObject(object);
        const decoded = decodeObject(bytes);
        expect(decoded).toEqual(object);
        expect(encodeObject(decoded)).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('do not depend on the order in which a clock was learnt', () => {
    const one = {
      siblings: [],
      clock: {
        vector: new Map([
          ['a', 1],
          ['b', 2],
        ]),
        cloud: new Map(),
      },
    };
    const other = {
      siblings: [],
      clock: {
        vector: new Map([
          ['b', 2],
          ['a', 1],
        ]),
        cloud: new Map(),
      },
    };
    expect(encodeObject(one)).toEqual(encodeObject(other));
  });

  it('hold values that are views, not copies', () => {
    const bytes = encodeObject({
      siblings: [{ dot: { actor: 'a', counter: 1 }, value: Buffer.from('value'), contentType: '' }],
      clock: { vector: new Map([['a', 1]]), cloud: new Map() },
    });
    expect(decodeObject(bytes).siblings[0]!.value!.buffer).toBe(bytes.buffer);
  });

  it('are refused by name when damaged, and are then never another encoding of something', () => {
    fc.assert(
      fc.property(anyObject, fc.nat(), fc.integer({ min: 1, max: 255 }), (object, position, flip) => {
        const bytes = Uint8Array.from(encodeObject(object));
        bytes[position % bytes.length]! ^= flip;
        const decoded = attempt(() => decodeObject(bytes));
        if (decoded instanceof Error) expect(decoded).toBeInstanceOf(CorruptObjectError);
        else expect(encodeObject(decoded)).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  it('are refused by name when cut, or random', () => {
    fc.assert(
      fc.property(anyObject, fc.nat(), fc.uint8Array({ maxLength: 60 }), (object, cut, noise) => {
        const bytes = encodeObject(object);
        expect(() => decodeObject(bytes.subarray(0, cut % bytes.length))).toThrow(CorruptObjectError);
        const result = attempt(() => decodeObject(Uint8Array.of(1, ...noise)));
        if (result instanceof Error) expect(result).toBeInstanceOf(CorruptObjectError);
        else expect(encodeObject(result)).toEqual(Buffer.from([1, ...noise]));
      }),
      { numRuns: 500 },
    );
  });

  it('are not made of what cannot be told apart again', () => {
    const sibling = { dot: { actor: 'a', counter: 1 }, value: undefined, contentType: '' };
    const clock = { vector: new Map([['a', 1]]), cloud: new Map() };
    expect(() => encodeObject({ siblings: [sibling], clock: emptyContext })).toThrow(UnencodableError);
    for (const expiresAtMs of [1.5, -1, Number.NaN, 2 ** 53])
      expect(() => encodeObject({ siblings: [{ ...sibling, expiresAtMs }], clock })).toThrow(UnencodableError);
  });
});

describe('the bytes of a context', () => {
  it('come back as the same context, in bytes and in text', () => {
    fc.assert(
      fc.property(anyContext, (context) => {
        expect(decodeContext(encodeContext(context))).toEqual(context);
        expect(contextFromText(contextToText(context))).toEqual(context);
        expect(contextToText(context)).toMatch(/^[A-Za-z0-9_-]+$/);
      }),
    );
  });

  it('are refused when any byte is changed, never read as another context', () => {
    fc.assert(
      fc.property(anyContext, fc.integer({ min: 1, max: 255 }), (context, flip) => {
        const bytes = encodeContext(context);
        for (let i = 0; i < bytes.length; i++) {
          const changed = Uint8Array.from(bytes);
          changed[i]! ^= flip;
          expect(() => decodeContext(changed)).toThrow(InvalidContextError);
        }
      }),
    );
  });

  it('are refused when cut, extended, empty, oversized or random: malformed is never empty', () => {
    fc.assert(
      fc.property(anyContext, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 40 }), (context, cut, noise) => {
        const bytes = encodeContext(context);
        expect(() => decodeContext(bytes.subarray(0, cut % bytes.length))).toThrow(InvalidContextError);
        expect(() => decodeContext(Uint8Array.of(...bytes, ...noise))).toThrow(InvalidContextError);
        expect(() => decodeContext(noise)).toThrow(InvalidContextError);
      }),
    );
    expect(() => decodeContext(new Uint8Array(0))).toThrow(/empty/);
    expect(() => decodeContext(new Uint8Array(100_000).fill(1))).toThrow(/100000 bytes/);
    for (const text of ['', 'AQ==', '%%%', 'hello world', 'A'])
      expect(() => contextFromText(text)).toThrow(InvalidContextError);
  });

  it('say what is wrong, under a stable code', () => {
    const bytes = Uint8Array.from(encodeContext(emptyContext));
    bytes[0] = 9;
    expect(attempt(() => decodeContext(bytes))).toMatchObject({
      code: 'INVALID_CONTEXT',
      message: expect.stringContaining('version is 9'),
    });
  });
});

describe('the text of a dot', () => {
  it('comes back as the same dot', () => {
    fc.assert(
      fc.property(anyDot, (dot) => {
        expect(parseDot(formatDot(dot))).toEqual(dot);
      }),
    );
  });

  it('is refused when it is none', () => {
    for (const text of ['', 'a', 'a:', ':1', 'a:0', 'a:-1', 'a:1.5', 'a:01', 'a:99999999999999999'])
      expect(() => parseDot(text)).toThrow(InvalidDotError);
  });
});

function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error as Error;
  }
}
