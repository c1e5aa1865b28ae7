import { maxTextBytes, maxVarintBytes, Reader, Writer } from './bytes-core.ts';
import { actorsOf, maxClockBytes, readClock, writeClock } from './clock-codec.ts';
import { covers } from './context-core.ts';
import { CorruptObjectError, UnencodableError } from './errors.ts';
import type { ActorId, Sibling, VersionedObject } from './types.ts';

/**
 * The canonical bytes of an object: equal objects have equal bytes, so a hash of them is the object's digest. Laid by hand, since
 * generic packers promise no canonical form and, on 1 KB with one sibling, take longer (bench/versioning.ts compares with msgpackr):
 *
 *     version  clock (see clock-codec.ts)  sibling count
 *     per sibling, sorted by dot: actor's index in the clock, counter, flags, [expiry], [stamp: wall, logical], content type, [length, value]
 */

const version = 1;
const tombstone = 1;
const expires = 2;
const stamped = 4;

/** Throws {@link UnencodableError} for numbers that are no whole ones and for siblings that the clock does not cover. */
export function encodeObject(object: VersionedObject): Uint8Array {
  const { clock, siblings } = object;
  const actors = actorsOf(clock);
  let capacity = 1 + maxClockBytes(clock, actors) + maxVarintBytes;
  for (const { contentType, value } of siblings)
    capacity += 8 * maxVarintBytes + maxTextBytes(contentType) + (value?.length ?? 0);
  const out = new Writer(capacity);
  out.byte(version);
  writeClock(out, clock, actors);
  out.varint(siblings.length, 'the number of siblings');
  for (const sibling of siblings) {
    if (!covers(clock, sibling.dot))
      throw new UnencodableError('a sibling that its clock does not cover', sibling.dot.actor);
    writeSibling(out, sibling, actors);
  }
  return out.take();
}

function writeSibling(out: Writer, sibling: Sibling, actors: readonly ActorId[]): void {
  const { dot, value, contentType, expiresAtMs, stamp } = sibling;
  out.varint(actors.indexOf(dot.actor), 'an actor');
  out.varint(dot.counter, 'a counter');
  out.byte(
    (value === undefined ? tombstone : 0) |
      (expiresAtMs === undefined ? 0 : expires) |
      (stamp === undefined ? 0 : stamped),
  );
  if (expiresAtMs !== undefined) out.varint(expiresAtMs, 'expiresAtMs');
  if (stamp !== undefined) {
    out.varint(stamp.wallMs, 'stamp.wallMs');
    out.varint(stamp.logical, 'stamp.logical');
  }
  out.text(contentType);
  if (value === undefined) return;
  out.varint(value.length, 'the length of a value');
  out.set(value);
}

const fail = (reason: string): never => {
  throw new CorruptObjectError(reason);
};

/**
 * The inverse of {@link encodeObject}. Values are views of `bytes`, not copies: whoever reuses that memory copies first.
 * Accepts only what `encodeObject` writes; everything else throws {@link CorruptObjectError}.
 */
export function decodeObject(bytes: Uint8Array): VersionedObject {
  const reader = new Reader(bytes, 0, bytes.length, fail);
  const found = reader.byte();
  if (found !== version) fail(`its encoding has version ${found}, this software reads ${version}`);
  const { clock, actors } = readClock(reader, fail);
  const count = reader.count(4);
  const siblings: Sibling[] = [];
  let lastActor = -1;
  let lastCounter = 0;
  for (let i = 0; i < count; i++) {
    const index = reader.varint();
    const sibling = readSibling(reader, actors[index] ?? fail('a sibling names no actor of the clock'));
    const { counter } = sibling.dot;
    if (index < lastActor || (index === lastActor && counter <= lastCounter)) fail('its siblings are not in order');
    if (counter === 0 || !covers(clock, sibling.dot)) fail('its clock does not cover a sibling');
    lastActor = index;
    lastCounter = counter;
    siblings.push(sibling);
  }
  if (reader.at !== reader.end) fail('bytes follow its end');
  return { siblings, clock };
}

function readSibling(reader: Reader, actor: ActorId): Sibling {
  const dot = { actor, counter: reader.varint() };
  const flags = reader.byte();
  if (flags > (tombstone | expires | stamped)) fail('a sibling has unknown flags');
  const expiresAtMs = (flags & expires) !== 0 ? reader.varint() : undefined;
  const stamp = (flags & stamped) !== 0 ? { wallMs: reader.varint(), logical: reader.varint() } : undefined;
  const contentType = reader.text();
  const value = (flags & tombstone) !== 0 ? undefined : reader.view(reader.varint());
  if (expiresAtMs === undefined && stamp === undefined) return { dot, value, contentType };
  return {
    dot,
    value,
    contentType,
    ...(expiresAtMs === undefined ? undefined : { expiresAtMs }),
    ...(stamp === undefined ? undefined : { stamp }),
  };
}
