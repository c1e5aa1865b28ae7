import xxhash from 'xxhash-wasm';

// Compiled once, when the module is loaded; hashing itself is synchronous.
const { h64Raw } = await xxhash();

/** A 64-bit hash as two signed 32-bit numbers, which cost far less than a BigInt to keep, compare and combine. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

const whole = new BigUint64Array(1);
const halves = new DataView(whole.buffer);
const [highAt, lowAt] = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? [4, 0] : [0, 4];
const nativeLittle = lowAt === 0;

/** 64-bit xxHash of the bytes. About 0.3 us for 1 KB. */
export function hash64(bytes: Uint8Array): Hash64 {
  whole[0] = h64Raw(bytes);
  return { high: halves.getInt32(highAt, nativeLittle), low: halves.getInt32(lowAt, nativeLittle) };
}

export function sameHash(a: Hash64, b: Hash64): boolean {
  return a.low === b.low && a.high === b.high;
}

const hexBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const hex32 = (half: number): string =>
  hexBytes[half >>> 24]! + hexBytes[(half >>> 16) & 255]! + hexBytes[(half >>> 8) & 255]! + hexBytes[half & 255]!;

/** A 64-bit hash as it is shown and sent: 16 hex digits. */
export function hex64({ high, low }: Hash64): string {
  return hex32(high) + hex32(low);
}

/** The digest of an object: the 64-bit hash of its canonical bytes, 16 hex digits. */
export function digestOf(bytes: Uint8Array): string {
  return hex64(hash64(bytes));
}

/** Spreads every bit of a 32-bit number over all of it (the finalizer of MurmurHash3); a bijection. */
export function mix32(number: number): number {
  let mixed = number;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
