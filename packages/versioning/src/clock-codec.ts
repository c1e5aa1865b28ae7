import { maxTextBytes, maxVarintBytes, type Reader, type Writer } from './bytes-core.ts';
import type { ActorId, Context } from './types.ts';

/**
 * How a vector and its cloud lie in bytes, in objects and in contexts alike: the number of actors, then for each, sorted: its id,
 * its vector entry, the number of its detached counters, and those, each as the difference to the one before.
 */

/** Every actor that the context names, sorted. Most are in order already, since decoding and counting up keep it. */
export function actorsOf(context: Context): ActorId[] {
  const actors: ActorId[] = [];
  let sorted = true;
  for (const actor of context.vector.keys()) {
    if (actors.length > 0 && actor < actors[actors.length - 1]!) sorted = false;
    actors.push(actor);
  }
  if (context.cloud.size > 0)
    for (const actor of context.cloud.keys())
      if (!context.vector.has(actor)) {
        sorted = false;
        actors.push(actor);
      }
  return sorted ? actors : actors.sort();
}

const none: readonly number[] = [];

/** The most bytes that the clock takes. */
export function maxClockBytes(context: Context, actors: readonly ActorId[]): number {
  let size = maxVarintBytes;
  for (const actor of actors) size += maxTextBytes(actor) + 2 * maxVarintBytes;
  if (context.cloud.size > 0) for (const counters of context.cloud.values()) size += counters.length * maxVarintBytes;
  return size;
}

export function writeClock(out: Writer, context: Context, actors: readonly ActorId[]): void {
  out.varint(actors.length, 'the number of actors');
  for (const actor of actors) {
    const reached = context.vector.get(actor) ?? 0;
    const detached = context.cloud.size === 0 ? none : (context.cloud.get(actor) ?? none);
    out.text(actor);
    out.varint(reached, 'a counter');
    out.varint(detached.length, 'the number of detached dots');
    let before = reached;
    for (const counter of detached) {
      out.varint(counter - before, 'a counter');
      before = counter;
    }
  }
}

/** Reads a clock, and accepts none that is not compact and sorted: equal knowledge has one encoding. */
export function readClock(reader: Reader, fail: (reason: string) => never): { clock: Context; actors: ActorId[] } {
  const count = reader.count(3);
  const actors: ActorId[] = [];
  const vector = new Map<ActorId, number>();
  let cloud: Map<ActorId, readonly number[]> | undefined;
  for (let i = 0; i < count; i++) {
    const actor = reader.text();
    if (actor === '' || (i > 0 && actor <= actors[i - 1]!)) fail('its actors are not in order');
    const reached = reader.varint();
    const detached = reader.count(1);
    if (reached > 0) vector.set(actor, reached);
    else if (detached === 0) fail('an actor has no dots');
    if (detached > 0) {
      cloud ??= new Map();
      cloud.set(actor, readDetached(reader, reached, detached, fail));
    }
    actors.push(actor);
  }
  return { clock: { vector, cloud: cloud ?? noCloud }, actors };
}

const noCloud: Context['cloud'] = new Map();

function readDetached(reader: Reader, reached: number, count: number, fail: (reason: string) => never): number[] {
  const counters: number[] = [];
  let counter = reached;
  for (let i = 0; i < count; i++) {
    const step = reader.varint();
    if (step < (i === 0 ? 2 : 1)) fail('its detached dots are not in order');
    counter += step;
    if (!Number.isSafeInteger(counter)) fail('a number is too long');
    counters.push(counter);
  }
  return counters;
}
