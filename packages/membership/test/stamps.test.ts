import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packStamps, type Stamp, stampBytes, unpackStamps } from '../src/stamps-core.ts';

const u32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffffffff }));
const stamp = fc.record({ position: fc.nat(2000), life: fc.nat(0xffff), beat: u32, infoVersion: u32 });
const stamps: fc.Arbitrary<Stamp[]> = fc
  .uniqueArray(stamp, { selector: ({ position }) => position, maxLength: 40 })
  .map((all) => all.sort((a, b) => a.position - b.position));

describe('stamps', () => {
  it('are read as they were written, in as many bytes as were counted', () => {
    fc.assert(
      fc.property(stamps, (given) => {
        const bytes = packStamps(given);
        expect(unpackStamps(bytes)).toEqual(given);
        const counted = given.map((each, at) => stampBytes(each, given[at - 1]?.position ?? -1));
        expect(bytes).toHaveLength(counted.reduce((sum, size) => sum + size, 0));
      }),
    );
  });

  it('have one encoding: bytes that can be read are those that would be written', () => {
    const spoilt = fc.tuple(stamps, fc.nat(), fc.nat(255), fc.boolean()).map(([given, at, byte, cut]) => {
      const bytes = packStamps(given);
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return cut ? bytes.slice(0, at % (bytes.length + 1)) : bytes;
    });
    fc.assert(
      fc.property(fc.oneof(spoilt, fc.uint8Array({ maxLength: 40 })), (bytes) => {
        const read = unpackStamps(bytes);
        if (read !== undefined) expect(packStamps(read)).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['a number cut off', [0]],
    ['half a life', [0, 1]],
    ['a number that is written too long', [0x80, 0, 1, 1, 1, 1]],
    ['a number beyond 32 bits', [0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x10, 1]],
    ['a number without end', [0, 1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]],
  ])('are not read from %s', (_, bytes) => {
    expect(unpackStamps(Uint8Array.from(bytes))).toBeUndefined();
  });
});
