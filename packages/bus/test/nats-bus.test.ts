import { busCompliance, reconnectCompliance } from './compliance.ts';
import { natsHarness } from './support/nats-harness.ts';

busCompliance('NATS bus', natsHarness, reconnectCompliance);
