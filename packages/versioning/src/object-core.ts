import { addDot, covers, emptyContext, joinKnown, withStamp } from './context-core.ts';
import { compareDots, formatDot } from './dot-core.ts';
import { DotReusedError } from './errors.ts';
import { compareStamps, higherStamp } from './hlc-core.ts';
import type { Context, Dot, HlcStamp, Payload, Sibling, VersionedObject } from './types.ts';

/**
 * Objects as dotted version vectors (Preguica, Baquero, Almeida, Fonte, Goncalves, "Dotted version vectors", 2012): each sibling
 * carries its own dot, the clock knows every dot the object has seen. What holds of every object:
 *
 * - siblings are sorted by dot, and the clock covers each of them;
 * - a dot that the clock covers and no sibling carries has been overwritten, or has lost to a higher stamp;
 * - at most one sibling carries a stamp (LWW).
 */

/**
 * Writes a value: the siblings that the writer's context covers go, all others stay beside the new one.
 * Without a context it is a blind write. Throws {@link DotReusedError} when the dot is known already.
 */
export function updateObject(
  object: VersionedObject | undefined,
  context: Context | undefined,
  dot: Dot,
  payload: Payload,
): VersionedObject {
  const seen = withStamp(context ?? emptyContext, undefined);
  const before = object === undefined ? seen : joinKnown(object.clock, seen);
  if (covers(before, dot)) throw new DotReusedError(formatDot(dot));
  const siblings: Sibling[] = [siblingOf(dot, payload)];
  for (const sibling of object?.siblings ?? []) if (!covers(seen, sibling.dot)) siblings.push(sibling);
  return { siblings: settle(siblings), clock: addDot(before, dot) };
}

function siblingOf(dot: Dot, { value, contentType, expiresAtMs, stamp }: Payload): Sibling {
  return {
    dot,
    value,
    contentType,
    ...(expiresAtMs === undefined ? undefined : { expiresAtMs }),
    ...(stamp === undefined ? undefined : { stamp }),
  };
}

/** Sorts by dot and keeps, of the stamped siblings, the highest by (stamp, dot). Changes and answers its argument. */
function settle(siblings: Sibling[]): Sibling[] {
  if (siblings.length < 2) return siblings;
  const winner = siblings.reduce<Sibling | undefined>(
    (best, sibling) => higherSibling(best, stamped(sibling)),
    undefined,
  );
  const settled = winner === undefined ? siblings : siblings.filter((one) => one.stamp === undefined || one === winner);
  return settled.sort((a, b) => compareDots(a.dot, b.dot));
}

const stamped = (sibling: Sibling) => (sibling.stamp === undefined ? undefined : sibling);

/** By stamp, then by dot. */
function higherSibling(a: Sibling | undefined, b: Sibling | undefined): Sibling | undefined {
  if (a?.stamp === undefined) return b;
  if (b?.stamp === undefined) return a;
  return (compareStamps(b.stamp, a.stamp) || compareDots(b.dot, a.dot)) > 0 ? b : a;
}

/**
 * What two replicas know together: a sibling stays if both hold it, or if the other's clock does not know it. Of two stamped siblings
 * the higher stays *whatever the clocks say*: since a writer's stamp exceeds all it has seen, the order of stamps contains that of
 * causality, and comparing by it alone stays associative (and never drops both) even where a writer broke that rule. Answers `a` or `b` itself when the other adds nothing.
 */
export function mergeObjects(a: VersionedObject, b: VersionedObject): VersionedObject {
  if (a === b) return a;
  const clock = joinKnown(a.clock, b.clock);
  const winner = winnerOf(a, b);
  const siblings: Sibling[] = [];
  let [i, j, keptOfA, keptOfB] = [0, 0, 0, 0];
  while (i < a.siblings.length || j < b.siblings.length) {
    const ofA = a.siblings[i];
    const ofB = b.siblings[j];
    const order = ofA === undefined ? 1 : ofB === undefined ? -1 : compareDots(ofA.dot, ofB.dot);
    const sibling = (order <= 0 ? ofA : ofB)!;
    if (order <= 0) i++;
    if (order >= 0) j++;
    const stays =
      sibling.stamp !== undefined
        ? sibling.dot === winner?.dot
        : order === 0 || !covers(order < 0 ? b.clock : a.clock, sibling.dot);
    if (!stays) continue;
    siblings.push(sibling);
    if (order <= 0) keptOfA++;
    if (order >= 0) keptOfB++;
  }
  if (clock === a.clock && keptOfA === siblings.length && keptOfA === a.siblings.length) return a;
  const fromB = clock === b.clock || joinKnown(b.clock, clock) === b.clock;
  if (fromB && keptOfB === siblings.length && keptOfB === b.siblings.length) return b;
  return { siblings, clock };
}

/** The stamped sibling of the merge. One that only one side has yields to a clock that knows it: it was overwritten without a stamp. */
function winnerOf(a: VersionedObject, b: VersionedObject): Sibling | undefined {
  const ofA = a.siblings.find(stamped);
  const ofB = b.siblings.find(stamped);
  if (ofA !== undefined && ofB !== undefined)
    return compareDots(ofA.dot, ofB.dot) === 0 ? ofA : higherSibling(ofA, ofB);
  const only = ofA ?? ofB;
  if (only === undefined || covers(ofA === undefined ? a.clock : b.clock, only.dot)) return undefined;
  return only;
}

/** The context of a get that returned the object: what its siblings overwrote, those siblings, and the highest stamp among them. */
export function contextOf(object: VersionedObject): Context {
  return withStamp(object.clock, object.siblings.find(stamped)?.stamp);
}

/** The context of a put: what its writer had seen, and its own write; never a concurrent one it has not seen. */
export function contextAfterPut(context: Context | undefined, dot: Dot, stamp?: HlcStamp): Context {
  const seen = addDot(context ?? emptyContext, dot);
  return stamp === undefined ? seen : withStamp(seen, higherStamp(seen.stamp, stamp));
}

/** Whether the sibling records a delete. */
export function isTombstone(sibling: Payload): boolean {
  return sibling.value === undefined;
}

/** The siblings a reader is shown at `nowMs` (Unix milliseconds): neither tombstones nor expired. */
export function liveSiblings(object: VersionedObject, nowMs: number): readonly Sibling[] {
  const live = (one: Sibling) => one.value !== undefined && (one.expiresAtMs === undefined || one.expiresAtMs > nowMs);
  return object.siblings.every(live) ? object.siblings : object.siblings.filter(live);
}

/** All siblings, tombstones included: what the sibling limit counts. */
export function siblingCount(object: VersionedObject): number {
  return object.siblings.length;
}
