import type { NodeLife } from './sim-node.ts';
import type { BrokenInvariant } from './violations.ts';

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
const MAX_PENDING = 16_384;

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
  return [
    ...hints,
    { node, what: 'requests in flight', value: stats.inFlight, bound: bounds.maxInFlight },
    { node, what: 'stories', value: stories, bound: bounds.maxInFlight * STORIES_PER_REQUEST + MAX_REPAIR_READS },
    { node, what: 'pending messages', value: life.bus.stats().pending, bound: MAX_PENDING },
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
