import { expect, it } from 'vitest';
import { runScenario } from './harness/run-scenario.ts';
import type { Scenario } from './harness/scenario.ts';
import { tableText } from './harness/table.ts';

const TEST_TIMEOUT_MS = 120_000;

/** A scenario of `npm run faults` as a test. */
export function testScenario(scenario: Scenario): void {
  it(`${scenario.name}: ${scenario.about}`, { timeout: TEST_TIMEOUT_MS }, async () => {
    const outcome = await runScenario(scenario, { signal: new AbortController().signal, tell: () => undefined });
    // Times are told here, and judged by `npm run faults`: a test that a busy machine breaks says nothing about the product.
    console.log([tableText([outcome]), JSON.stringify(outcome.facts), ...outcome.slow].join('\n'));
    expect(outcome.broken, outcome.detail).toEqual([]);
  });
}
