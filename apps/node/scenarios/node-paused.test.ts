import { nodePaused } from './faults/node-paused.ts';
import { testScenario } from './test-scenario.ts';

testScenario(nodePaused);
