import { highestCounter } from './context-core.ts';
import { actorNumber, formatActor } from './dot-core.ts';
import type { ActorId, Context, Dot } from './types.ts';

/**
 * Which dot a write gets, so that no dot is ever given twice, whatever the store has lost. The memory of a run is its random id, how
 * many actors it has given, and up to which actor each tainted key may no longer trust its own: everything that came before the
 * run, or went wrong within it, is answered by a fresh actor, whose counter starts at 1 and which nobody can have seen.
 */

/** What is remembered of this run of the process. */
export interface Run {
  readonly runId: string;
  /** Actors `0..nextNumber-1` have been given. */
  nextNumber: number;
  /** Per key: actors with a lower number are not used for it any more. */
  readonly tainted: Map<string, number>;
}

/** What the coordinator of a write knows of the key at this moment. */
export interface DotRequest {
  /** Names bucket and key within this store. */
  readonly keyId: string;
  /** The store's own record; `actor` as the store keeps it beside the object. Absent: nothing is held. */
  readonly record?: { readonly actor?: ActorId | undefined; readonly clock: Context } | undefined;
  /** The highest dot given for this key among writes whose local commit is still under way. */
  readonly inFlight?: Dot | undefined;
  /** The context that came with the write. */
  readonly context?: Context | undefined;
}

/** Evidence that this store knows less than it once did, or that somebody else gives dots under its name. */
export interface Alarm {
  readonly kind: 'context-ahead' | 'object-ahead' | 'actor-never-given';
  readonly keyId: string;
  readonly actor: ActorId;
  /** The counter that was seen. */
  readonly seen: number;
  /** The highest counter this store knew of. */
  readonly known: number;
}

export interface DotGrant {
  readonly dot: Dot;
  /** Whether the actor was taken for this very write. */
  readonly fresh: boolean;
  readonly alarm?: Alarm;
}

export function newRun(runId: string, nextNumber = 0): Run {
  return { runId, nextNumber, tainted: new Map() };
}

/** Whether this run gave the actor and nothing has gone wrong with the key since. */
function trusts(run: Run, keyId: string, actor: ActorId): boolean {
  const number = actorNumber(run.runId, actor);
  return number !== undefined && number < run.nextNumber && number >= (run.tainted.get(keyId) ?? 0);
}

/** Decides on the dot and counts a fresh actor. An alarm taints the key: its actors so far are never used for it again. */
export function grantDot(run: Run, { keyId, record, inFlight, context }: DotRequest): DotGrant {
  const actor = inFlight?.actor ?? record?.actor;
  if (actor === undefined || !trusts(run, keyId, actor)) return { dot: freshDot(run), fresh: true };
  const stored = record === undefined ? 0 : highestCounter(record.clock, actor);
  const known = Math.max(stored, inFlight?.counter ?? 0);
  const seen = context === undefined ? 0 : highestCounter(context, actor);
  if (seen <= known) return { dot: { actor, counter: known + 1 }, fresh: false };
  taintKey(run, keyId);
  return { dot: freshDot(run), fresh: true, alarm: { kind: 'context-ahead', keyId, actor, seen, known } };
}

function freshDot(run: Run): Dot {
  return { actor: formatActor(run.runId, run.nextNumber++), counter: 1 };
}

/** Every actor given so far is never used again for this key. */
export function taintKey(run: Run, keyId: string): void {
  run.tainted.set(keyId, run.nextNumber);
}

/**
 * Judges a dot named by an object from elsewhere: an alarm when it is one of this run beyond what this store knows of the key. With
 * `known` 0 (nothing held: a stand-in whose record was delivered and dropped, say) only an actor never given is one.
 */
export function judgeForeign(run: Run, keyId: string, actor: ActorId, seen: number, known: number): Alarm | undefined {
  const number = actorNumber(run.runId, actor);
  if (number === undefined || seen <= known) return undefined;
  if (number >= run.nextNumber) return { kind: 'actor-never-given', keyId, actor, seen, known };
  return known > 0 && trusts(run, keyId, actor) ? { kind: 'object-ahead', keyId, actor, seen, known } : undefined;
}
