import { corruptValue } from './faults/corrupt-value.ts';
import { diskFull } from './faults/disk-full.ts';
import { testScenario } from './test-scenario.ts';

testScenario(corruptValue);
testScenario(diskFull);
