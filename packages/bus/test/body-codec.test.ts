import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { BodyCodec } from '../src/body-codec.ts';
import { planOf } from '../src/body-plan.ts';
import { BodyReader } from '../src/body-reader.ts';
import { BodyWriter } from '../src/body-writer.ts';
import { InvalidMessageError } from '../src/errors.ts';

const VERSIONS = [2, 3];

function packed(codec: BodyCodec, version: number, body: unknown): Buffer {
  const { bytes, length } = codec.pack('the body of', 'v', version, body);
  return Buffer.from(bytes.subarray(0, length));
}

/** What arrives, with foreign bytes around it in the frame. */
function sent(schema: z.ZodType, version: number, body: unknown, receiver = schema): unknown {
  const bytes = packed(new BodyCodec(schema), version, body);
  const frame = Buffer.concat([Buffer.from([1, 2, 3]), bytes, Buffer.from([4])]);
  return new BodyCodec(receiver).read('the body of', 'v', version, frame, 3, 3 + bytes.length);
}

const bytes = z.instanceof(Uint8Array);
const schema = z.object({
  n: z.number(),
  text: z.string().optional(),
  none: z.string().nullable(),
  maybe: z.boolean().nullable().optional(),
  raw: bytes.optional(),
  inner: z.object({ a: z.int().optional(), b: z.array(z.string()) }).optional(),
  list: z.array(z.object({ k: z.string(), v: bytes.optional() })).optional(),
  record: z.record(z.string(), z.unknown()).optional(),
  kind: z
    .discriminatedUnion('t', [
      z.object({ t: z.literal('x'), x: z.int() }),
      z.object({ t: z.literal('y'), y: z.string() }),
    ])
    .optional(),
});
const text = fc.string({ unit: 'grapheme', maxLength: 60 });
const raw = fc.uint8Array({ maxLength: 400 });
/** Without the one key that msgpackr renames, and without -0, which it sends as 0. */
const json = fc
  .json()
  .filter((value) => !value.includes('__proto__'))
  .map((value) => JSON.parse(JSON.stringify(JSON.parse(value))));
const anyBody = fc.record(
  {
    n: fc
      .oneof(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.constantFrom(127, 128, 65_535, 65_536, 2 ** 32),
      )
      .map((n) => (n === 0 ? 0 : n)),
    text,
    none: fc.option(text),
    maybe: fc.option(fc.boolean()),
    raw,
    inner: fc.record({ a: fc.integer(), b: fc.array(text, { maxLength: 40 }) }, { requiredKeys: ['b'] }),
    list: fc.array(fc.record({ k: text, v: raw }, { requiredKeys: ['k'] }), { maxLength: 20 }),
    record: fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      json,
    ),
    kind: fc.oneof(fc.record({ t: fc.constant('x'), x: fc.integer() }), fc.record({ t: fc.constant('y'), y: text })),
  },
  { requiredKeys: ['n', 'none'], noNullPrototype: true },
);
/** Bytes arrive as views of the frame, whose class is not the sender's. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
};

describe('bodies', () => {
  test('arrive as they were sent, in both versions', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        for (const version of VERSIONS) expect(plain(sent(schema, version, body))).toStrictEqual(plain(body));
      }),
    );
  });

  test('without a plan any value arrives as msgpackr would bring it', () => {
    const [packr, unpackr] = [new Packr({ useRecords: false }), new Unpackr({ useRecords: false })];
    const anything = fc.anything({ maxDepth: 3, withUint8Array: false } as fc.ObjectConstraints);
    fc.assert(
      fc.property(anything, (value) => {
        expect(sent(z.any(), 3, value)).toEqual(unpackr.unpack(packr.pack(value)));
      }),
    );
  });

  test('of msgpackr are read whatever the schema expects, so that zod is the one to judge', () => {
    const packr = new Packr({ useRecords: false });
    fc.assert(
      fc.property(anyBody, (body) => {
        const map = packr.pack(body);
        expect(plain(new BodyCodec(schema).read('w', 'v', 3, map, 0, map.length))).toStrictEqual(plain(body));
      }),
    );
  });

  test('are small: positions for names, nothing for trailing fields that are absent', () => {
    const codec = new BodyCodec(schema);
    expect([...packed(codec, 3, { n: 5, none: null })]).toEqual([0x93, 5, 0xd4, 0, 0, 0xc0]);
    const shuffled = { none: 'x', list: [{ v: new Uint8Array([9]), k: 'a' }, { k: 'b' }], n: -1 };
    const nested = [0x97, 0xff, 0xd4, 0, 0, 0xa1, 0x78, 0xd4, 0, 0, 0xd4, 0, 0, 0xd4, 0, 0];
    const list = [0x92, 0x92, 0xa1, 0x61, 0xc4, 1, 9, 0x91, 0xa1, 0x62];
    expect([...packed(codec, 3, shuffled)]).toEqual([...nested, ...list]);
  });

  test('an optional field added at the end is compatible in both directions, also inside', () => {
    const older = z.object({ a: z.int(), in: z.array(z.object({ x: z.string() })) });
    const newer = z.object({
      a: z.int(),
      in: z.array(z.object({ x: z.string(), y: z.record(z.string(), z.int()).optional() })),
      b: z.object({ deep: z.array(z.unknown()) }).optional(),
      c: bytes.optional(),
    });
    const extras = fc.record({
      b: fc.record({ deep: fc.array(fc.anything({ maxDepth: 2 })) }),
      c: raw,
    });
    fc.assert(
      fc.property(extras, (more) => {
        const small = { a: 1, in: [{ x: 's' }, { x: 't' }] };
        const large = { ...small, in: [{ x: 's', y: { z: 1 } }, { x: 't' }], ...more };
        expect(sent(newer, 3, large, older)).toStrictEqual(small);
        expect(sent(older, 3, small, newer)).toStrictEqual(small);
      }),
    );
  });

  test('strict and open objects, unions and schemas that hold themselves keep their meaning', () => {
    const open = z.looseObject({ a: z.int() });
    expect(sent(open, 3, { a: 1, more: 2 })).toStrictEqual({ a: 1, more: 2 });
    expect(() => sent(open, 3, { a: 1, more: 2 }, z.strictObject({ a: z.int() }))).toThrow(InvalidMessageError);
    const tree = z.object({
      name: z.string(),
      get children(): z.ZodOptional<z.ZodArray<typeof tree>> {
        return z.array(tree).optional();
      },
    });
    type Tree = z.infer<typeof tree>;
    let deep: Tree = { name: 'leaf' };
    for (let i = 0; i < 20; i++) deep = { name: `n${i}`, children: [deep, { name: 'other' }] };
    expect(sent(tree, 3, deep)).toStrictEqual(deep);
    expect(sent(z.object({ n: z.int().default(7), s: z.string().trim() }), 3, { s: ' x ' })).toEqual({ n: 7, s: 'x' });
  });

  test('what a schema does not take, or what is missing, is told by name', () => {
    const refuse = (body: unknown) => {
      try {
        sent(schema, 3, body);
      } catch (error) {
        return (error as InvalidMessageError).details;
      }
      return undefined;
    };
    expect(refuse({ n: 1 })).toMatchObject({ verb: 'v', issues: [expect.stringContaining('none: ')] });
    expect(refuse({ n: '1', none: null })).toMatchObject({ issues: [expect.stringContaining('n: ')] });
    expect(refuse({ n: 1, none: null, list: [{ k: 1 }] })).toMatchObject({
      issues: [expect.stringContaining('list.0.k: ')],
    });
  });

  test('any bytes are read or refused by name, and nothing beyond the body is', () => {
    const codec = new BodyCodec(schema);
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.tuple(anyBody, fc.nat(), fc.nat(255)).map(([body, at, byte]) => {
        const whole = packed(codec, 3, body);
        whole[at % whole.length] = byte;
        return new Uint8Array(whole);
      }),
    );
    fc.assert(
      fc.property(hostile, fc.nat(3), (body, lost) => {
        const frame = Buffer.concat([body, Buffer.alloc(300, 0xa1)]);
        for (const reader of [codec, new BodyCodec(z.any())]) {
          try {
            reader.read('w', 'v', 3, frame, 0, Math.max(0, body.length - lost));
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidMessageError);
          }
        }
      }),
      { numRuns: 2_000 },
    );
    const nested = Buffer.alloc(100_000, 0x91);
    expect(() => new BodyCodec(z.any()).read('w', 'v', 3, nested, 0, nested.length)).toThrow(InvalidMessageError);
  });

  test('bodies of any size follow each other in one writer', () => {
    const [writer, reader] = [new BodyWriter(), new BodyReader()];
    const plan = planOf(bytes);
    for (const size of [10, 3_000_000, 20, 255, 256, 65_535, 65_536]) {
      const body = new Uint8Array(size).fill(size);
      writer.begin();
      writer.write(plan, body);
      expect(Buffer.compare(reader.read(plan, writer.bytes, 0, writer.length) as Buffer, body)).toBe(0);
    }
  });
});
