import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: {
      '@countonce/stripe-simulator': fileURLToPath(
        new URL('./simulator/src/index.ts', import.meta.url),
      ),
      // What the examples import, as an application of somebody else's would.
      countonce: fileURLToPath(new URL('./src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/**/*.spec.ts', 'simulator/test/**/*.spec.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // Half an hour off UTC, with daylight saving: whoever reads the local clock is found out.
    env: { TZ: 'America/St_Johns' },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The usual second is short for a machine that is busy with something else for one.
    expect: { poll: { timeout: 20_000 } },
  },
});
