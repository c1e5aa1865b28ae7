import { crc32 } from 'node:zlib';
import { Reader, varintSize, writeVarint } from './bytes-core.ts';
import { actorsOf, clockSize, readClock, writeClock } from './clock-codec.ts';
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
  const stampSize =
    stamp === undefined ? 0 : varintSize(stamp.wallMs, 'stamp.wallMs') + varintSize(stamp.logical, 'stamp.logical');
  const bodySize = 1 + stampSize + clockSize(context, actors);
  const size = 1 + varintSize(bodySize, 'the length of a context') + bodySize + checksumBytes;
  const out = Buffer.allocUnsafe(size);
  out[0] = version;
  let at = writeVarint(out, 1, bodySize);
  out[at++] = stamp === undefined ? 0 : stamped;
  if (stamp !== undefined) at = writeVarint(out, writeVarint(out, at, stamp.wallMs), stamp.logical);
  at = writeClock(out, at, context, actors);
  out.writeUInt32LE(crc32(out.subarray(0, at)), at);
  return out;
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
  const checksum = new DataView(bytes.buffer, bytes.byteOffset + end, checksumBytes).getUint32(0, true);
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
