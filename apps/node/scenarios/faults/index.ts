import type { Scenario } from '../harness/scenario.ts';
import { natsServerKilled, natsServerKilledOwn } from './nats-server-killed.ts';
import { partitionHalves, partitionSilent } from './partition-halves.ts';
import { siblingExplosion } from './sibling-explosion.ts';

/** All scenarios of `npm run faults`, in the order of its table. */
export const scenarios: readonly Scenario[] = [
  natsServerKilled,
  natsServerKilledOwn,
  partitionHalves,
  partitionSilent,
  siblingExplosion,
];
