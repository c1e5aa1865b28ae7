/**
 * What one node tells of a third in a few bytes: where in a list of names that both know it stands, the last 16 bits of its incarnation,
 * its beat, and the version of its info. The bits of the incarnation tell whether two nodes speak of the same life of the third; they do
 * not tell which is the later one, so where they differ the whole incarnation follows in a profile.
 */
export interface Stamp {
  readonly position: number;
  readonly life: number;
  readonly beat: number;
  readonly infoVersion: number;
}

/** The part of an incarnation that a stamp carries. */
export function lifeOf(incarnation: number): number {
  return incarnation % 0x10000;
}

/** Bytes that {@link packStamps} needs for this stamp after one at `previous` (-1: none). */
export function stampBytes({ position, beat, infoVersion }: Stamp, previous: number): number {
  return varintBytes(position - previous - 1) + 2 + varintBytes(beat) + varintBytes(infoVersion);
}

/** Stamps by rising position: the gap to the one before, the life, the beat, the info's version. */
export function packStamps(stamps: readonly Stamp[]): Uint8Array {
  const bytes: number[] = [];
  let previous = -1;
  for (const { position, life, beat, infoVersion } of stamps) {
    pushVarint(bytes, position - previous - 1);
    bytes.push(life >>> 8, life & 0xff);
    pushVarint(bytes, beat);
    pushVarint(bytes, infoVersion);
    previous = position;
  }
  return Uint8Array.from(bytes);
}

/** The inverse of {@link packStamps}; undefined for bytes that it never makes. */
export function unpackStamps(bytes: Uint8Array): Stamp[] | undefined {
  const stamps: Stamp[] = [];
  const reader = { bytes, at: 0 };
  let previous = -1;
  while (reader.at < bytes.length) {
    const gap = readVarint(reader);
    const high = bytes[reader.at];
    const low = bytes[reader.at + 1];
    reader.at += 2;
    const beat = readVarint(reader);
    const infoVersion = readVarint(reader);
    if (gap === undefined || high === undefined || low === undefined) return undefined;
    if (beat === undefined || infoVersion === undefined) return undefined;
    previous += gap + 1;
    stamps.push({ position: previous, life: high * 256 + low, beat, infoVersion });
  }
  return stamps;
}

/** 7 bits a byte, the low ones first; all but the last have the top bit. Numbers below 2^32. */
function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push(0x80 | (rest % 0x80));
  bytes.push(rest);
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count += 1;
  return count;
}

/** Undefined at the end of the bytes, for a number of 2^32 or more, and for one that is written longer than it must be. */
function readVarint(reader: { readonly bytes: Uint8Array; at: number }): number | undefined {
  let value = 0;
  for (let unit = 1; unit < 2 ** 35; unit *= 0x80) {
    const byte = reader.bytes[reader.at];
    if (byte === undefined) return undefined;
    reader.at += 1;
    value += (byte & 0x7f) * unit;
    if (byte >= 0x80) continue;
    return value < 2 ** 32 && (byte > 0 || unit === 1) ? value : undefined;
  }
  return undefined;
}
