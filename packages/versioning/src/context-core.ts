import { higherStamp } from './hlc-core.ts';
import type { ActorId, Context, Dot } from './types.ts';

/**
 * Causal contexts: a version vector plus a cloud of detached dots (the causal context of delta-CRDTs: Almeida, Shoker, Baquero,
 * "Delta state replicated data types", 2018, section 7.2). Kept compact at all times: a dot that follows its vector entry directly
 * is in the vector. So `covers` needs to look at the cloud only beyond the vector, and equal knowledge has one shape.
 */

const noCloud: ReadonlyMap<ActorId, readonly number[]> = new Map();

/** Knows nothing. */
export const emptyContext: Context = Object.freeze({ vector: new Map<ActorId, number>(), cloud: noCloud });

/** Whether the context knows the dot. */
export function covers(context: Context, dot: Dot): boolean {
  if ((context.vector.get(dot.actor) ?? 0) >= dot.counter) return true;
  return context.cloud.size > 0 && (context.cloud.get(dot.actor)?.includes(dot.counter) ?? false);
}

/** Whether `a` knows every dot that `b` knows. Stamps are not compared. */
export function dominates(a: Context, b: Context): boolean {
  if (a === b) return true;
  for (const [actor, counter] of b.vector) if ((a.vector.get(actor) ?? 0) < counter) return false;
  for (const [actor, counters] of b.cloud)
    for (const counter of counters) if (!covers(a, { actor, counter })) return false;
  return true;
}

/** How two contexts stand to each other by what they know. */
export function compareContexts(a: Context, b: Context): 'equal' | 'before' | 'after' | 'concurrent' {
  const after = dominates(a, b);
  const before = dominates(b, a);
  if (after) return before ? 'equal' : 'after';
  return before ? 'before' : 'concurrent';
}

/** The highest counter of the actor that the context names, detached or not; 0 when it names none. */
export function highestCounter(context: Context, actor: ActorId): number {
  return context.cloud.get(actor)?.at(-1) ?? context.vector.get(actor) ?? 0;
}

/** Vector entries plus detached dots: what {@link boundContext} bounds. */
export function contextSize(context: Context): number {
  let size = context.vector.size;
  for (const counters of context.cloud.values()) size += counters.length;
  return size;
}

/** A compact context from any entries: counters may be unsorted, repeated, contiguous or within the vector. */
export function makeContext(
  vector: Iterable<readonly [ActorId, number]>,
  cloud: Iterable<readonly [ActorId, readonly number[]]> = [],
): Context {
  const entries = new Map<ActorId, number>();
  for (const [actor, counter] of vector) if (counter > (entries.get(actor) ?? 0)) entries.set(actor, counter);
  const detached = new Map<ActorId, readonly number[]>();
  for (const [actor, counters] of cloud) detached.set(actor, [...(detached.get(actor) ?? []), ...counters]);
  return { vector: entries, cloud: compact(entries, detached) };
}

/** Moves what is contiguous from `cloud` into `vector` (changed in place) and answers what stays detached. */
function compact(vector: Map<ActorId, number>, cloud: ReadonlyMap<ActorId, readonly number[]>): Context['cloud'] {
  const rest = new Map<ActorId, readonly number[]>();
  for (const [actor, counters] of cloud) {
    const before = vector.get(actor) ?? 0;
    let reached = before;
    const detached: number[] = [];
    for (const counter of [...counters].sort((a, b) => a - b)) {
      if (counter === reached + 1 && detached.length === 0) reached = counter;
      else if (counter > reached && detached.at(-1) !== counter) detached.push(counter);
    }
    if (reached > before) vector.set(actor, reached);
    if (detached.length > 0) rest.set(actor, detached);
  }
  return rest.size === 0 ? noCloud : rest;
}

/** The join without stamps: an object's clock carries none. Answers `a` or `b` itself when it knows all that the other does. */
export function joinKnown(a: Context, b: Context): Context {
  if (dominates(a, b)) return a;
  if (dominates(b, a)) return b;
  const vector = new Map(a.vector);
  for (const [actor, counter] of b.vector) if (counter > (vector.get(actor) ?? 0)) vector.set(actor, counter);
  if (a.cloud.size === 0 && b.cloud.size === 0) return { vector, cloud: noCloud };
  const cloud = new Map(a.cloud);
  for (const [actor, counters] of b.cloud) cloud.set(actor, [...(cloud.get(actor) ?? []), ...counters]);
  return { vector, cloud: compact(vector, cloud) };
}

/** What both know together. Commutative, associative, idempotent. */
export function joinContexts(a: Context, b: Context): Context {
  return withStamp(joinKnown(a, b), higherStamp(a.stamp, b.stamp));
}

/** The same context with this stamp; the same object when it has it already. */
export function withStamp(context: Context, stamp: Context['stamp']): Context {
  if (context.stamp === stamp) return context;
  const { vector, cloud } = context;
  return stamp === undefined ? { vector, cloud } : { vector, cloud, stamp };
}

/** The context that knows one dot more; the same object when it knows it already. */
export function addDot(context: Context, dot: Dot): Context {
  if (covers(context, dot)) return context;
  const { actor, counter } = dot;
  const detached = context.cloud.get(actor);
  if (detached === undefined && counter === (context.vector.get(actor) ?? 0) + 1) {
    const vector = new Map(context.vector).set(actor, counter);
    return withStamp({ vector, cloud: context.cloud }, context.stamp);
  }
  const vector = new Map(context.vector);
  const cloud = new Map(context.cloud).set(actor, [...(detached ?? []), counter]);
  return withStamp({ vector, cloud: compact(vector, cloud) }, context.stamp);
}

/**
 * Forgets entries until at most `maxEntries` are left: detached dots first, then the vector entries with the lowest counters. What
 * covers `keepDots` is always kept, even beyond the bound. Only for contexts that are handed to clients: there, forgetting costs a
 * sibling too many, never a loss; a stored clock that forgot would bring overwritten values back.
 */
export function boundContext(context: Context, keepDots: readonly Dot[], maxEntries: number): Context {
  if (contextSize(context) <= maxEntries) return context;
  const keep = (actor: ActorId, fits: (counter: number) => boolean) =>
    keepDots.some((dot) => dot.actor === actor && fits(dot.counter));
  const vector = new Map<ActorId, number>();
  const cloud = new Map<ActorId, number[]>();
  const spare: { actor: ActorId; counter: number; detached: boolean }[] = [];
  for (const [actor, counter] of context.vector)
    if (keep(actor, (kept) => kept <= counter)) vector.set(actor, counter);
    else spare.push({ actor, counter, detached: false });
  for (const [actor, counters] of context.cloud)
    for (const counter of counters)
      if (keep(actor, (kept) => kept === counter)) pushTo(cloud, actor, counter);
      else spare.push({ actor, counter, detached: true });
  let room = maxEntries - contextSize({ vector, cloud });
  spare.sort(
    (a, b) => Number(a.detached) - Number(b.detached) || b.counter - a.counter || (a.actor < b.actor ? -1 : 1),
  );
  for (const entry of spare) {
    if (room-- <= 0) break;
    if (entry.detached) pushTo(cloud, entry.actor, entry.counter);
    else vector.set(entry.actor, entry.counter);
  }
  return withStamp(makeContext(vector, cloud), context.stamp);
}

function pushTo(cloud: Map<ActorId, number[]>, actor: ActorId, counter: number): void {
  const counters = cloud.get(actor);
  if (counters === undefined) cloud.set(actor, [counter]);
  else counters.push(counter);
}
