import { clusterKilledFsync, clusterKilledInterval } from './faults/cluster-killed.ts';
import { testScenario } from './test-scenario.ts';

testScenario(clusterKilledFsync);
testScenario(clusterKilledInterval);
