import type { Scenario } from '../harness/scenario.ts';
import { siblingExplosion } from './sibling-explosion.ts';

/** All scenarios of `npm run faults`, in the order of its table. */
export const scenarios: readonly Scenario[] = [siblingExplosion];
