import type { RecordId } from '@ringfort/storage';
import { formatDot, type VersionedObject } from '@ringfort/versioning';
import type { NodeLife } from './sim-node.ts';
import type { BrokenInvariant } from './violations.ts';
import type { StoreWatcher } from './watched-store.ts';

/** What a node held at one moment, and what it may hold (S7). */
export interface BoundSample {
  readonly node: string;
  readonly what: string;
  readonly value: number;
  readonly bound: number;
}

/**
 * How many stories requests in flight may leave behind: the coordinator's own limit, one more for the write that follows a delete's read, and the
 * reads that repair.
 */
const STORIES_PER_REQUEST = 5;
const MAX_REPAIR_READS = 256;
/** As the bus has them. */
const MAX_PENDING = 16_384;
const MAX_RUNNING = 16_384;
const MAX_LANES = 4_096;

export interface Bounds {
  readonly maxInFlight: number;
  readonly maxHintBytesPerTarget: number;
}

export function sampleBounds(node: string, life: NodeLife, bounds: Bounds): BoundSample[] {
  const stats = life.coordinator.stats();
  const { stories = 0 } = stats as { stories?: number };
  const hints = life.store.hintStats().map(({ target, bytes }) => ({
    node,
    what: `bytes of hints for ${target}`,
    value: bytes,
    bound: bounds.maxHintBytesPerTarget,
  }));
  const { pending, running, lanes } = life.bus.stats();
  return [
    ...hints,
    { node, what: 'requests in flight', value: stats.inFlight, bound: bounds.maxInFlight },
    { node, what: 'stories', value: stories, bound: bounds.maxInFlight * STORIES_PER_REQUEST + MAX_REPAIR_READS },
    { node, what: 'pending messages', value: pending, bound: MAX_PENDING },
    { node, what: 'handlers at work', value: running, bound: MAX_RUNNING },
    { node, what: 'addresses remembered', value: lanes, bound: MAX_LANES },
  ];
}

/** S7: nothing grew past its bound. */
export function checkBounds(samples: readonly BoundSample[]): BrokenInvariant[] {
  return samples
    .filter(({ value, bound }) => value > bound)
    .map(({ node, what, value, bound }) => ({
      invariant: 'S7',
      what: `${node} has ${value} ${what}, at most ${bound} are allowed`,
    }));
}

/** S7 of siblings: no write adds one beyond the limit. Merges may exceed it: they drop nothing. */
export class SiblingBound implements StoreWatcher {
  readonly broken: BrokenInvariant[] = [];
  readonly #maxSiblings: number;
  readonly #known = new Set<string>();

  constructor(maxSiblings: number) {
    this.#maxSiblings = maxSiblings;
  }

  /** A dot is seen first in the object that its own write made. */
  objectSeen(node: string, { key }: RecordId, { siblings }: VersionedObject): void {
    const names = siblings.map(({ dot }) => `${key} ${formatDot(dot)}`);
    const isNew = names.some((name) => !this.#known.has(name));
    for (const name of names) this.#known.add(name);
    if (!isNew || siblings.length <= this.#maxSiblings) return;
    const what = `${node} wrote a sibling to ${key}, which has ${siblings.length} by that, at most ${this.#maxSiblings} are allowed`;
    this.broken.push({ invariant: 'S7', key, what });
  }
}
