import type { SeededRandom } from '../src/index.ts';

/** Spoils valid inputs: what comes out is almost right, which is what gets past the first door. */
type Spoil = (random: SeededRandom, bytes: Buffer, other: Buffer) => Buffer;

const MAX_BYTES = 1_000_000;
const interesting = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
/** Heads of MessagePack values that hold others or announce a length, and of extensions that decoders know. */
const heads = [
  0x81, 0x91, 0x9f, 0xc1, 0xc4, 0xc6, 0xc7, 0xc9, 0xcb, 0xd3, 0xd4, 0xd8, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
];
const extensions = [0x00, 0x42, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 0xff];
const texts = [
  '\u0000',
  '\ufffd',
  '\u202e',
  'é',
  'e\u0301',
  '𝕬',
  '\uffff',
  '%00',
  '%ff',
  '../',
  '\r\n',
  '\r\n\r\n',
  '"',
  '\\',
  '{}',
  '[]',
  'null',
  'NaN',
  '1e999',
  '-0',
  '9007199254740993',
  '__proto__',
  'constructor',
].map((text) => Buffer.from(text));
const badUtf8 = [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xff, 0xfe], [0x80]].map((bytes) =>
  Buffer.from(bytes),
);

const at = (random: SeededRandom, bytes: Buffer): number => random.below(bytes.length + 1);
const replaced = (bytes: Buffer, start: number, end: number, by: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, start), by, bytes.subarray(Math.max(start, end))]);
const noise = (random: SeededRandom, most: number): Buffer => Buffer.from(random.bytes(random.below(most + 1)));

/** Overwrites, so that what lies behind keeps its place. */
function overwrite(bytes: Buffer, start: number, by: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  by.copy(copy, Math.min(start, Math.max(0, copy.length - by.length)));
  return copy;
}

function number(random: SeededRandom): Buffer {
  const value = random.chance(0.7) ? random.pick(interesting) : random.below(2 ** 32);
  const bytes = Buffer.alloc(random.pick([1, 2, 4, 8]));
  const width = Math.min(bytes.length, 4);
  const fitting = width === 4 ? value : value % 2 ** (8 * width);
  if (random.chance(0.5)) bytes.writeUIntLE(fitting, 0, width);
  else bytes.writeUIntBE(fitting, bytes.length - width, width);
  return bytes;
}

/** So deep that who reads it by recursion runs out of stack. */
function nested(random: SeededRandom): Buffer {
  const depth = random.chance(0.02) ? 200_000 : 1 + random.below(600);
  return Buffer.alloc(depth, random.pick([Buffer.from([0x91]), Buffer.from([0x81, 0xa1, 0x61]), '[', '{"a":', '(']));
}

const spoils: readonly Spoil[] = [
  (random, bytes) => {
    const copy = Buffer.from(bytes);
    for (let flips = 1 + random.below(4); flips > 0 && copy.length > 0; flips -= 1)
      copy[random.below(copy.length)]! ^= 1 << random.below(8);
    return copy;
  },
  (random, bytes) => overwrite(bytes, at(random, bytes), Buffer.from([random.below(256)])),
  (random, bytes) => bytes.subarray(0, at(random, bytes)),
  (random, bytes) => bytes.subarray(at(random, bytes)),
  (random, bytes) => Buffer.concat([bytes, noise(random, 64)]),
  (random, bytes) => overwrite(bytes, at(random, bytes), number(random)),
  (random, bytes) => {
    const start = at(random, bytes);
    return replaced(bytes, start, start + random.below(9), number(random));
  },
  // A part is lost, repeated, moved, or taken from another input.
  (random, bytes) => {
    const start = at(random, bytes);
    return replaced(bytes, start, start + random.below(40), Buffer.alloc(0));
  },
  (random, bytes) => {
    const start = at(random, bytes);
    const part = bytes.subarray(start, start + 1 + random.below(60));
    return replaced(bytes, start, start, Buffer.concat(Array.from({ length: 1 + random.below(40) }, () => part)));
  },
  (random, bytes) => {
    const from = at(random, bytes);
    return replaced(bytes, at(random, bytes), 0, bytes.subarray(from, from + 1 + random.below(60)));
  },
  (random, bytes, other) => Buffer.concat([bytes.subarray(0, at(random, bytes)), other.subarray(at(random, other))]),
  (random, bytes, other) => {
    const from = at(random, other);
    const part = other.subarray(from, from + 1 + random.below(80));
    const start = at(random, bytes);
    return replaced(bytes, start, start + random.below(80), part);
  },
  (random, bytes) => {
    const start = at(random, bytes);
    return replaced(bytes, start, start + random.below(4), Buffer.from([random.pick(heads)]));
  },
  (random, bytes) => {
    const start = at(random, bytes);
    const extension = Buffer.from([random.pick([0xc7, 0xd4, 0xd6]), random.pick(extensions)]);
    return replaced(bytes, start, start + random.below(4), Buffer.concat([extension, noise(random, 8)]));
  },
  (random, bytes) => replaced(bytes, at(random, bytes), 0, random.pick([...texts, ...badUtf8])),
  (random, bytes) => replaced(bytes, at(random, bytes), 0, nested(random)),
  (random, bytes) => replaced(bytes, at(random, bytes), 0, noise(random, 300)),
];
/** Seldom, since they are dear: nothing of the input left, or far too much of it. */
const rare: readonly Spoil[] = [
  (random) => noise(random, 2_000),
  (random, bytes) => Buffer.concat([bytes, Buffer.alloc(random.below(MAX_BYTES), random.below(256))]),
  () => Buffer.alloc(0),
];
const RARE = 0.002;

/** The input, spoilt once or a few times. `other` is an input of the same kind. */
export function mutated(random: SeededRandom, input: Buffer, other: Buffer): Buffer {
  let bytes = input;
  for (let times = random.chance(0.6) ? 1 : 1 + random.below(5); times > 0; times -= 1) {
    bytes = random.pick(random.chance(RARE) ? rare : spoils)(random, bytes, other);
    if (bytes.length > MAX_BYTES) bytes = bytes.subarray(0, MAX_BYTES);
  }
  return bytes;
}

/** Cut into pieces at random places. */
export function inPieces(random: SeededRandom, bytes: Buffer, most: number): Buffer[] {
  const cuts = Array.from({ length: random.below(most) }, () => at(random, bytes)).sort((a, b) => a - b);
  return [0, ...cuts].map((start, index) => bytes.subarray(start, cuts[index] ?? bytes.length));
}
