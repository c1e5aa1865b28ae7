import { clusterKilledFsync } from './faults/cluster-killed.ts';
import { testScenario } from './test-scenario.ts';

testScenario(clusterKilledFsync);
