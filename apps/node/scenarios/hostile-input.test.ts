import { hostileInput } from './faults/hostile-input.ts';
import { testScenario } from './test-scenario.ts';

testScenario(hostileInput);
