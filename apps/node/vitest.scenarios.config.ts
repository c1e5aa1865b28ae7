import { mergeConfig } from 'vitest/config';
import shared from '../../tools/vitest.shared.ts';

/**
 * Nothing else may run beside these: what an idle node costs is measured; and a client that lags sends on connections that the server has closed by then,
 * which HTTP/1.1 cannot tell from a request that was cut off.
 */
const alone = ['scenarios/idle.test.ts', 'scenarios/graceful-stop.test.ts'];

const project = (name: string, test: object) =>
  mergeConfig(
    { resolve: shared.resolve, ssr: shared.ssr },
    { test: { name, pool: 'forks', testTimeout: 90_000, hookTimeout: 90_000, ...test } },
  );

/**
 * Scenarios on real processes, real NATS and real disks. They mostly wait, for a node to start or a deadline to pass, and none judges how
 * long a request took (`npm run faults` does): so two files run at a time.
 */
export default {
  test: {
    reporters: [['default'], ['json', { outputFile: 'test-results/scenarios.json' }]],
    passWithNoTests: false,
    projects: [
      project('alone', { include: alone, fileParallelism: false, sequence: { groupOrder: 0 } }),
      project('together', {
        include: ['scenarios/**/*.test.ts'],
        exclude: alone,
        maxWorkers: 2,
        sequence: { groupOrder: 1 },
      }),
    ],
  },
};
