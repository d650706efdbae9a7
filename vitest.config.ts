import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/environment/global-setup.ts',
    setupFiles: 'test/environment/end-with-parent.ts',
    reporters: ['default', 'test/environment/summary-reporter.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
