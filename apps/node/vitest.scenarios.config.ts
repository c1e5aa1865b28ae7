import { mergeConfig } from 'vitest/config';
import shared from '../../tools/vitest.shared.ts';

/** Scenarios on real processes, real NATS and real disks: one file at a time, so that none disturbs another's timing. */
const config = mergeConfig(shared, {
  test: {
    reporters: ['default'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
config.test.include = ['scenarios/**/*.test.ts'];

export default config;
