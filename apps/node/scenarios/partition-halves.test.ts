import { partitionHalves } from './faults/partition-halves.ts';
import { testScenario } from './test-scenario.ts';

testScenario(partitionHalves);
