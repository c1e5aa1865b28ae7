import { mergeConfig } from 'vitest/config';
import shared from '../../tools/vitest.shared.ts';

/** Scenarios on real processes, real NATS and real disks: one file at a time, so that none disturbs another's timing. */
const config = mergeConfig(shared, {
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
// `mergeConfig` joins lists; these replace the shared ones.
config.test.reporters = [['default'], ['json', { outputFile: 'test-results/scenarios.json' }]];
config.test.include = ['scenarios/**/*.test.ts'];

export default config;
