import type { ActorId } from './types.ts';

/**
 * Questions about encoded objects that are answered without decoding them, for the usual shape: ASCII actors, no detached dots. The layout
 * is that of object-codec.ts and clock-codec.ts. Nothing is allocated: the cursor and what was read live in variables of the module.
 */

const version = 1;
const tombstone = 1;
const expires = 2;
/** Objects with more actors are left to decoding. */
const maxActors = 32;

/** Vector entries of the newer object, and what the older one has for the same actors. */
const reached = new Float64Array(maxActors);
const reachedBefore = new Float64Array(maxActors);

/** Where a varint ended; -1 after one that is cut short or not the shortest. */
let at = 0;

/** Reads a varint of at most 2^53 - 1 and moves the cursor. */
function varintAt(bytes: Uint8Array, start: number): number {
  let byte = bytes[start] ?? -1;
  if (byte >= 0 && byte < 0x80) {
    at = start + 1;
    return byte;
  }
  let value = 0;
  let scale = 1;
  let position = start;
  while (byte >= 0x80 && scale < 2 ** 49) {
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
    byte = bytes[++position] ?? -1;
  }
  value += byte * scale;
  at = byte > 0 && byte < 0x80 && value <= Number.MAX_SAFE_INTEGER ? position + 1 : -1;
  return value;
}

/** Compares two short ASCII texts by their bytes; NaN when one of them is neither short nor ASCII. */
function compareAscii(a: Uint8Array, aAt: number, aSize: number, b: Uint8Array, bAt: number, bSize: number): number {
  const size = Math.min(aSize, bSize);
  for (let i = 0; i < size; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!;
    if (difference !== 0) return difference;
  }
  return aSize - bSize;
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! >= 0x80) return false;
  return true;
}

/**
 * Whether the newer object takes the place of the older one as it is: then (and never else) `newer` is a whole encoding, and merging both
 * encodes to exactly `newer`. False means that nothing was found out: decode and merge. True for what an overwrite with context looks like: one
 * sibling without a stamp, whose clock knows all that the older one's does, and whose dot the older one does not know.
 * @param older memory in which, from `olderAt` on, lies what `encodeObject` wrote
 */
export function replaces(newer: Uint8Array, older: Uint8Array, olderAt = 0): boolean {
  const clockEnd = compareClocks(newer, older, olderAt);
  return clockEnd > 0 && isOneNewSibling(newer, clockEnd, newer[1]!);
}

/** Walks both clocks at once, both being sorted. Answers where the newer one ends, or -1 unless it knows all that the older one knows. */
function compareClocks(newer: Uint8Array, older: Uint8Array, olderAt: number): number {
  const [count, countBefore] = [newer[1]!, older[olderAt + 1]!];
  if (newer[0] !== version || older[olderAt] !== version || !(count <= maxActors) || !(countBefore <= count)) return -1;
  let nameBefore = -1;
  let position = 2;
  let old = olderAt + 2;
  let left = countBefore;
  for (let i = 0; i < count; i++) {
    const size = newer[position]!;
    const name = position + 1;
    if (!(size > 0 && size < 0x80) || name + size >= newer.length || !isAscii(newer, name, name + size)) return -1;
    if (nameBefore > 0 && compareAscii(newer, nameBefore, newer[nameBefore - 1]!, newer, name, size) >= 0) return -1;
    nameBefore = name;
    const counter = varintAt(newer, name + size);
    if (at < 0 || counter === 0 || newer[at] !== 0) return -1;
    position = at + 1;
    reached[i] = counter;
    reachedBefore[i] = 0;
    if (left === 0) continue;
    const oldSize = older[old]!;
    const order = compareAscii(older, old + 1, oldSize, newer, name, size);
    if (order > 0) continue;
    if (order < 0 || oldSize >= 0x80) return -1;
    const counterBefore = varintAt(older, old + 1 + oldSize);
    if (at < 0 || older[at] !== 0 || counterBefore > counter) return -1;
    reachedBefore[i] = counterBefore;
    old = at + 1;
    left--;
  }
  return left === 0 ? position : -1;
}

/** Whether the object has one sibling from here to its end, whose dot is new and which carries no stamp. */
function isOneNewSibling(bytes: Uint8Array, start: number, actors: number): boolean {
  const index = bytes[start + 1]!;
  if (bytes[start] !== 1 || !(index < actors)) return false;
  const counter = varintAt(bytes, start + 2);
  if (at < 0 || counter <= reachedBefore[index]! || counter > reached[index]!) return false;
  const flags = bytes[at]!;
  if (!(flags <= (tombstone | expires))) return false;
  let position = at + 1;
  if ((flags & expires) !== 0) {
    varintAt(bytes, position);
    position = at;
    if (position < 0) return false;
  }
  const typeSize = bytes[position]!;
  const typeEnd = position + 1 + typeSize;
  if (!(typeSize < 0x80) || typeEnd > bytes.length || !isAscii(bytes, position + 1, typeEnd)) return false;
  if ((flags & tombstone) !== 0) return typeEnd === bytes.length;
  const valueSize = varintAt(bytes, typeEnd);
  return at > 0 && at + valueSize === bytes.length;
}

/**
 * The vector entry of an actor in an encoded object; 0 when it has none.
 * @param bytes memory in which, from `start` on, lies an object without detached dots, such as both of {@link replaces}
 */
export function vectorEntryOf(bytes: Uint8Array, actor: ActorId, start = 0): number {
  let position = start + 2;
  for (let left = bytes[start + 1]!; left > 0; left--) {
    const size = bytes[position]!;
    const counter = varintAt(bytes, position + 1 + size);
    if (size === actor.length && isText(bytes, position + 1, actor)) return counter;
    position = at + 1;
  }
  return 0;
}

function isText(bytes: Uint8Array, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}
