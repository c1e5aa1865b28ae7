import { defineConfig } from 'vitest/config';

/** What every package's `vitest.config.ts` shares: workspace packages are read from their sources, not from `dist`. */
export default defineConfig({
  resolve: { conditions: ['ringfort-source'] },
  ssr: { resolve: { conditions: ['ringfort-source'] } },
  test: { include: ['test/**/*.test.ts'], testTimeout: 20_000, hookTimeout: 20_000, passWithNoTests: false, pool: 'forks' },
});
