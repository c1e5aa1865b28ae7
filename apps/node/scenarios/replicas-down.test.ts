import { allPrimariesDown, twoReplicasDown } from './faults/replicas-down.ts';
import { testScenario } from './test-scenario.ts';

testScenario(twoReplicasDown);
testScenario(allPrimariesDown);
