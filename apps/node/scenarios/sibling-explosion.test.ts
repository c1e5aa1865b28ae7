import { siblingExplosion } from './faults/sibling-explosion.ts';
import { testScenario } from './test-scenario.ts';

testScenario(siblingExplosion);
