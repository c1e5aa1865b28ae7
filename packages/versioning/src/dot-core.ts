import { InvalidDotError } from './errors.ts';
import type { ActorId, Dot } from './types.ts';

/** By actor, then by counter: the order of siblings. */
export function compareDots(a: Dot, b: Dot): number {
  if (a.actor === b.actor) return a.counter - b.counter;
  return a.actor < b.actor ? -1 : 1;
}

/** `<actor>:<counter>`. */
export function formatDot(dot: Dot): string {
  return `${dot.actor}:${dot.counter}`;
}

/** The inverse of {@link formatDot}. Throws {@link InvalidDotError}. */
export function parseDot(text: string): Dot {
  const colon = text.lastIndexOf(':');
  const digits = text.slice(colon + 1);
  const counter = Number(digits);
  if (colon < 1 || !/^[1-9][0-9]*$/.test(digits) || !Number.isSafeInteger(counter)) throw new InvalidDotError(text);
  return { actor: text.slice(0, colon), counter };
}

/** The `number`-th actor (from 0) of a run: `<run id, 16 hex digits>-<number, base 36>`. */
export function formatActor(runId: string, number: number): ActorId {
  return `${runId}-${number.toString(36)}`;
}

/** The number of an actor that the run gave; undefined for any other run's. */
export function actorNumber(runId: string, actor: ActorId): number | undefined {
  if (!actor.startsWith(runId) || actor[runId.length] !== '-') return undefined;
  const number = Number.parseInt(actor.slice(runId.length + 1), 36);
  return formatActor(runId, number) === actor ? number : undefined;
}
