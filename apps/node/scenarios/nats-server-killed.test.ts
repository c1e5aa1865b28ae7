import { natsServerKilled } from './faults/nats-server-killed.ts';
import { testScenario } from './test-scenario.ts';

testScenario(natsServerKilled);
