import { availableParallelism } from 'node:os'
import { defaultExclude, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // `npm run test:conformance` runs these, once for each runtime.
    exclude: [...defaultExclude, 'test/conformance/**'],
    // Tests of servers wait more than they work: also on two cores two files are run at a time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    globalSetup: 'test/support/global-setup.ts',
    setupFiles: 'test/support/end-with-parent.ts',
    reporters: ['default', 'test/support/summary-reporter.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
