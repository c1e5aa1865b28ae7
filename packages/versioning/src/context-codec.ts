import { crc32 } from 'node:zlib';
import { maxVarintBytes, Reader, Writer } from './bytes-core.ts';
import { actorsOf, maxClockBytes, readClock, writeClock } from './clock-codec.ts';
import { withStamp } from './context-core.ts';
import { InvalidContextError } from './errors.ts';
import type { Context } from './types.ts';

/**
 * Contexts as clients carry them, opaque to them: version, length of what follows up to the checksum, flags, [stamp], clock
 * (see clock-codec.ts), CRC-32 of all before it. In HTTP and on command lines: base64url without padding.
 */

const version = 1;
const stamped = 1;
const checksumBytes = 4;
/** Far beyond what a node hands out; a longer one is refused unread. */
const maxContextBytes = 65_536;

export function encodeContext(context: Context): Uint8Array {
  const { stamp } = context;
  const actors = actorsOf(context);
  const out = new Writer(1 + 4 * maxVarintBytes + maxClockBytes(context, actors) + checksumBytes);
  out.byte(version);
  const bodyAt = out.at;
  out.byte(stamp === undefined ? 0 : stamped);
  if (stamp !== undefined) {
    out.varint(stamp.wallMs, 'stamp.wallMs');
    out.varint(stamp.logical, 'stamp.logical');
  }
  writeClock(out, context, actors);
  out.lengthAt(bodyAt);
  out.checksum();
  return out.take();
}

const fail = (reason: string): never => {
  throw new InvalidContextError(reason);
};

/** The inverse of {@link encodeContext}. Throws {@link InvalidContextError}, which says what is wrong; never answers "empty" instead. */
export function decodeContext(bytes: Uint8Array): Context {
  if (bytes.length === 0) fail('it is empty');
  if (bytes.length > maxContextBytes) fail(`it has ${bytes.length} bytes, more than ${maxContextBytes}`);
  if (bytes[0] !== version) fail(`its version is ${bytes[0]}, this software reads ${version}`);
  if (bytes.length < 4 + checksumBytes) fail('it is cut short');
  const end = bytes.length - checksumBytes;
  const reader = new Reader(bytes, 1, end, fail);
  const length = reader.varint();
  if (length !== end - reader.at) fail(`it should have ${length} bytes and a checksum, and has ${end - reader.at}`);
  const checksum = (bytes[end]! | (bytes[end + 1]! << 8) | (bytes[end + 2]! << 16) | (bytes[end + 3]! << 24)) >>> 0;
  if (crc32(bytes.subarray(0, end)) !== checksum) fail('its checksum does not match');
  const flags = reader.byte();
  if (flags > stamped) fail('it has unknown flags');
  const stamp = flags === stamped ? { wallMs: reader.varint(), logical: reader.varint() } : undefined;
  const { clock } = readClock(reader, fail);
  if (reader.at !== end) fail('bytes follow its end');
  return withStamp(clock, stamp);
}

export function contextToText(context: Context): string {
  return Buffer.from(encodeContext(context)).toString('base64url');
}

/** The inverse of {@link contextToText}. Throws {@link InvalidContextError}. */
export function contextFromText(text: string): Context {
  if (text.length > maxContextBytes * 2) fail(`it has ${text.length} characters`);
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) fail('it is not base64url without padding');
  return decodeContext(bytes);
}
