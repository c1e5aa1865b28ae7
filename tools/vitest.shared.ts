import { defineConfig } from 'vitest/config';

/**
 * What every project's `vitest.config.ts` shares: workspace packages are read from their sources, not from `dist`, and
 * the results are also written to `test-results/vitest.json`, from which `npm test` counts.
 */
export default defineConfig({
  resolve: { conditions: ['ringfort-source'] },
  ssr: { resolve: { conditions: ['ringfort-source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', ['json', { outputFile: 'test-results/vitest.json' }]],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    passWithNoTests: false,
    pool: 'forks',
  },
});
