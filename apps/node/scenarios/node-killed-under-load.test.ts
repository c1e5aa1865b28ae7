import { nodeKilled } from './faults/node-killed.ts';
import { testScenario } from './test-scenario.ts';

testScenario(nodeKilled);
