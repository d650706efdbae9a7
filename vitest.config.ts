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
    setupFiles: ['test/support/end-with-parent.ts', 'test/support/properties.ts'],
    reporters: ['default', 'test/support/summary-reporter.ts'],
    // Where other work starves Chromium, a step in a page can outlast any limit. Only such a timeout is tried again, never
    // a wrong answer, and the summary names the test.
    retry: process.env.CI ? { count: 1, condition: /Timeout \d+ms exceeded/ } : 0,
    // As long as `eventually` waits.
    expect: { poll: { timeout: 60_000, interval: 20 } },
    // No test is about speed. One that hangs ends all the same.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
})
