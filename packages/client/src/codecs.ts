import { CodecError } from './errors.ts';

/** How values of a bucket become bytes. `decode` is given what `encode` made, with the content type it was stored under. */
export interface Codec<T> {
  readonly contentType: string;
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array, contentType: string): T;
}

/** JSON in UTF-8. What JSON has no form for (`undefined`, functions, cycles) fails with `CODEC_FAILED`. */
export const json: Codec<unknown> = {
  contentType: 'application/json',
  encode: (value) => {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`JSON has no form for ${typeof value}`);
    return Buffer.from(text);
  },
  decode: (bytes) => JSON.parse(viewOf(bytes).toString('utf8')),
};

/** Strings in UTF-8. */
export const text: Codec<string> = {
  contentType: 'text/plain; charset=utf-8',
  encode: (value) => Buffer.from(value),
  decode: (bytes) => viewOf(bytes).toString('utf8'),
};

/** Bytes as they are. */
export const bytes: Codec<Uint8Array> = {
  contentType: 'application/octet-stream',
  encode: (value) => value,
  // What is given is a view of all that came in with it, which a value that is kept would hold on to.
  decode: (value) => new Uint8Array(value),
};

const viewOf = (value: Uint8Array) => Buffer.from(value.buffer, value.byteOffset, value.byteLength);

export function encodeValue<T>(codec: Codec<T>, value: T): Uint8Array {
  try {
    return codec.encode(value);
  } catch (cause) {
    throw new CodecError('encode', codec.contentType, cause);
  }
}

export function decodeValue<T>(codec: Codec<T>, value: Uint8Array, contentType: string): T {
  try {
    return codec.decode(value, contentType);
  } catch (cause) {
    throw new CodecError('decode', contentType, cause);
  }
}
