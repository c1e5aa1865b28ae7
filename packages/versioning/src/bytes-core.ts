import { crc32 } from 'node:zlib';
import { UnencodableError } from './errors.ts';

/**
 * The few shapes that both encodings are laid out from: varints (7 bits per byte, least first, at most 2^53 - 1) and short texts
 * (varint length, UTF-8).
 */

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The most bytes that a varint takes. */
export const maxVarintBytes = 8;

/** The most bytes that a text takes, its length included. */
export const maxTextBytes = (text: string): number => maxVarintBytes + 3 * text.length;

/** A larger one is not kept for the next encoding. */
const maxKeptBytes = 1 << 20;
let scratch: Buffer = Buffer.allocUnsafeSlow(16_384);

/**
 * Writes into memory that is used again and again, which is quicker than measuring first; {@link Writer.take} copies out what was written.
 * One at a time: whoever makes the next one gives this one up.
 */
export class Writer {
  readonly #bytes: Buffer;
  at = 0;

  /** @param capacity what is written takes at most so many bytes */
  constructor(capacity: number) {
    if (capacity <= scratch.length) this.#bytes = scratch;
    else {
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(capacity, 2 * scratch.length));
      if (capacity <= maxKeptBytes) scratch = this.#bytes;
    }
  }

  byte(value: number): void {
    this.#bytes[this.at++] = value;
  }

  /** Throws {@link UnencodableError}, which names the field. */
  varint(value: number, field: string): void {
    if ((value & 0x7f) === value) {
      this.#bytes[this.at++] = value;
      return;
    }
    if (!Number.isSafeInteger(value) || value < 0) throw new UnencodableError(field, value);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.at++] = rest;
  }

  text(text: string): void {
    const bytes = this.#bytes;
    const { length } = text;
    if (length < 0x80) {
      const start = this.at + 1;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code >= 0x80) break;
        bytes[start + i] = code;
      }
      if (i === length) {
        bytes[this.at] = length;
        this.at = start + length;
        return;
      }
    }
    this.varint(Buffer.byteLength(text, 'utf8'), 'the length of a text');
    this.at += bytes.write(text, this.at, 'utf8');
  }

  set(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Puts the length of what was written from `start` on before it. */
  lengthAt(start: number): void {
    const end = this.at;
    this.varint(end - start, 'a length');
    const size = this.at - end;
    this.#bytes.copyWithin(start + size, start, end);
    this.at = start;
    this.varint(end - start, 'a length');
    this.at = end + size;
  }

  /** CRC-32 of what was written so far, least byte first. */
  checksum(): void {
    this.at = this.#bytes.writeUInt32LE(crc32(this.#bytes.subarray(0, this.at)), this.at);
  }

  /** What was written, in memory of its own. */
  take(): Uint8Array {
    const out = Buffer.allocUnsafe(this.at);
    out.set(this.#bytes.subarray(0, this.at));
    return out;
  }
}

/** Texts that were read lately, by a hash of their bytes: actors and content types come back all the time, and making a string costs more. */
const knownTexts: (string | undefined)[] = new Array(1024).fill(undefined);
const maxKnownText = 64;

/** Reads what the writers wrote; every step is checked against the end and fails through `fail`, which throws. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #fail: (reason: string) => never;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, start: number, end: number, fail: (reason: string) => never) {
    this.#bytes = bytes;
    this.#fail = fail;
    this.at = start;
    this.end = end;
  }

  byte(): number {
    if (this.at >= this.end) this.#fail('it is cut short');
    return this.#bytes[this.at++]!;
  }

  varint(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = 0;
    let scale = 1;
    while (byte >= 0x80) {
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      byte = this.byte();
      if (scale > 2 ** 49) this.#fail('a number is too long');
    }
    value += byte * scale;
    if (byte === 0 || value > Number.MAX_SAFE_INTEGER) this.#fail('a number is too long');
    return value;
  }

  /** A count of things that take at least `minBytes` each: bounded by what is left, so that it can be allocated for. */
  count(minBytes: number): number {
    const count = this.varint();
    if (count * minBytes > this.end - this.at) this.#fail('it is cut short');
    return count;
  }

  text(): string {
    const start = this.#skip(this.varint());
    const end = this.at;
    const bytes = this.#bytes;
    if (end - start > maxKnownText) return this.#utf8(start, end);
    let hash = end - start;
    for (let i = start; i < end; i++) {
      const code = bytes[i]!;
      if (code >= 0x80) return this.#utf8(start, end);
      hash = (Math.imul(hash, 31) + code) | 0;
    }
    const slot = (hash ^ (hash >>> 10)) & (knownTexts.length - 1);
    const known = knownTexts[slot];
    if (known !== undefined && isAt(bytes, start, end, known)) return known;
    const text = this.#utf8(start, end);
    knownTexts[slot] = text;
    return text;
  }

  #utf8(start: number, end: number): string {
    try {
      return strictUtf8.decode(this.#bytes.subarray(start, end));
    } catch {
      return this.#fail('a text is not UTF-8');
    }
  }

  /** A view of the next `length` bytes; nothing is copied. */
  view(length: number): Uint8Array {
    const start = this.#skip(length);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, length);
  }

  #skip(length: number): number {
    const start = this.at;
    if (length > this.end - start) this.#fail('it is cut short');
    this.at = start + length;
    return start;
  }
}

/** Whether the bytes from `start` to `end` are those of an ASCII text. */
function isAt(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}
