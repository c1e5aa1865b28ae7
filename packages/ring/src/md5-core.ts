/**
 * MD5 (RFC 1321) of short ASCII texts, in one block: what the keys of nearly all requests are. A call into the crypto library costs twice
 * as much as the whole hash of one block, most of it for getting there and for the string that comes back.
 */

/** Bytes that fit into one block, beside a byte that ends the text and eight for its length. */
const maxBytes = 55;
const start = { a: 0x67452301, b: 0xefcdab89 | 0, c: 0x98badcfe | 0, d: 0x10325476 };

const shifts = Uint8Array.from({ length: 64 }, (_, step) => {
  const ofRound = [
    [7, 12, 17, 22],
    [5, 9, 14, 20],
    [4, 11, 16, 23],
    [6, 10, 15, 21],
  ][step >> 4]!;
  return ofRound[step & 3]!;
});
const words = Uint8Array.from(
  { length: 64 },
  (_, step) => [step, 5 * step + 1, 3 * step + 5, 7 * step][step >> 4]! & 15,
);
const sines = Int32Array.from({ length: 64 }, (_, step) => Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32));

/** The block that is hashed: one for all calls, as none of them waits. */
const block = new Int32Array(16);

/**
 * The first two bytes of the MD5 of `head NUL tail` as a number, the first byte the higher; -1 for what is not ASCII or does not fit into
 * one block.
 */
export function md5Top16(head: string, tail: string): number {
  const bytes = head.length + 1 + tail.length;
  if (bytes > maxBytes) return -1;
  block.fill(0);
  if (!append(head, 0) || !append(tail, head.length + 1)) return -1;
  block[bytes >> 2]! |= 0x80 << ((bytes & 3) << 3);
  block[14] = bytes << 3;
  const first = firstWord();
  return ((first & 0xff) << 8) | ((first >>> 8) & 0xff);
}

/** Puts the text into the block. False: it is not ASCII. */
function append(text: string, at: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return false;
    const byte = at + i;
    block[byte >> 2]! |= unit << ((byte & 3) << 3);
  }
  return true;
}

/** The first four bytes, the lowest first, of the digest of the block. */
function firstWord(): number {
  let { a, b, c, d } = start;
  for (let step = 0; step < 64; step++) {
    const mixed = (a + mix(step, b, c, d) + block[words[step]!]! + sines[step]!) | 0;
    const shift = shifts[step]!;
    a = d;
    d = c;
    c = b;
    b = (b + ((mixed << shift) | (mixed >>> (32 - shift)))) | 0;
  }
  return (start.a + a) | 0;
}

function mix(step: number, b: number, c: number, d: number): number {
  if (step < 16) return (b & c) | (~b & d);
  if (step < 32) return (b & d) | (c & ~d);
  return step < 48 ? b ^ c ^ d : c ^ (b | ~d);
}
