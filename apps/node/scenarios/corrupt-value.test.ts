import { corruptValue } from './faults/corrupt-value.ts';
import { testScenario } from './test-scenario.ts';

testScenario(corruptValue);
