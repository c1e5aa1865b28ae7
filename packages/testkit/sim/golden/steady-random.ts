import type { SeededRandom } from '../../src/index.ts';

/** Draws the least there is: a network with it takes the same time for every hop, and a fault happens when it must, never by chance. */
export const steadyRandom: SeededRandom = {
  seed: 0,
  bytes: (count) => new Uint8Array(count),
  below: () => 0,
  float: () => 0,
  chance: (probability) => probability >= 1,
  pick: <T>(items: readonly T[]): T => items[0] as T,
  shuffle: (items) => [...items],
  fork: () => steadyRandom,
};
