import { busCompliance, reconnectCompliance } from './compliance.ts';
import { memoryHarness } from './support/memory-harness.ts';

busCompliance('memory bus', memoryHarness, reconnectCompliance);
