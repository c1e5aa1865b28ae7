import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partitionOf } from '../src/index.ts';

describe('the partition of a key', () => {
  it('is the top bits of the MD5 of bucket, NUL, key', () => {
    const ascii = fc.string({ unit: fc.integer({ min: 0, max: 0x7f }).map((code) => String.fromCharCode(code)) });
    // Lengths around the 55 bytes of one block of the hash, and far beyond.
    const long = fc.integer({ min: 40, max: 140 }).map((length) => 'k'.repeat(length));
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), ascii),
        fc.oneof(ascii, long, fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' })),
        fc.integer({ min: 3, max: 16 }),
        (bucket, key, bits) => {
          const digest = createHash('md5').update(`${bucket}\0${key}`, 'utf8').digest('hex');
          expect(partitionOf(bucket, key, 2 ** bits)).toBe(Number(BigInt(`0x${digest}`) >> BigInt(128 - bits)));
        },
      ),
    );
  });

  it('halves into two when the number of partitions doubles', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 3, max: 15 }), (bucket, key, bits) => {
        expect(partitionOf(bucket, key, 2 ** (bits + 1)) >> 1).toBe(partitionOf(bucket, key, 2 ** bits));
      }),
    );
  });

  it('stays what it was: stored data depends on it', () => {
    expect([
      partitionOf('carts', 'alice', 256),
      partitionOf('carts', 'bob', 256),
      partitionOf('', '', 65536),
    ]).toMatchInlineSnapshot(`
      [
        84,
        178,
        37816,
      ]
    `);
  });
});
