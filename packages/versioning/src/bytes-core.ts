import { UnencodableError } from './errors.ts';

/**
 * The few shapes that both encodings are laid out from: varints (7 bits per byte, least first, at most 2^53 - 1) and short texts
 * (varint length, UTF-8). Writers measure first and then write into memory of exactly that size.
 */

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The native count costs more than a look at the few characters of an actor or a content type. */
function utf8Size(text: string): number {
  if (text.length > 64) return Buffer.byteLength(text, 'utf8');
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text, 'utf8');
  return text.length;
}

/** Bytes that the number takes. Throws {@link UnencodableError}. */
export function varintSize(value: number, field: string): number {
  if (value >= 0 && value < 0x80 && Number.isInteger(value)) return 1;
  if (!Number.isSafeInteger(value) || value < 0) throw new UnencodableError(field, value);
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

export function writeVarint(out: Buffer, at: number, value: number): number {
  let [rest, position] = [value, at];
  while (rest >= 0x80) {
    out[position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  out[position++] = rest;
  return position;
}

export function textSize(text: string): number {
  const size = utf8Size(text);
  return varintSize(size, 'the length of a text') + size;
}

export function writeText(out: Buffer, at: number, text: string): number {
  const size = utf8Size(text);
  const start = writeVarint(out, at, size);
  if (size !== text.length || size > 64) out.write(text, start, 'utf8');
  else for (let i = 0; i < size; i++) out[start + i] = text.charCodeAt(i);
  return start + size;
}

/** Reads what the writers wrote; every step is checked against the end and fails through `fail`, which throws. */
export class Reader {
  readonly #bytes: Buffer;
  readonly #fail: (reason: string) => never;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, start: number, end: number, fail: (reason: string) => never) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
    const { at } = this;
    if (at - start > 32) return this.#utf8(start, at);
    let text = '';
    for (let i = start; i < at; i++) {
      const code = this.#bytes[i]!;
      if (code >= 0x80) return this.#utf8(start, at);
      text += String.fromCharCode(code);
    }
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
