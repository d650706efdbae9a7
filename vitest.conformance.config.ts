import { defineConfig } from 'vitest/config'
import { currentRuntime, type Runtime } from './scripts/runtimes.ts'

const { CONFORMANCE_RUNTIMES } = process.env
const runtimes: Runtime[] = CONFORMANCE_RUNTIMES
  ? JSON.parse(CONFORMANCE_RUNTIMES)
  : [currentRuntime()]

/**
 * `npm run test:conformance`: the suite once for each runtime, side by side. By itself, this file takes the runtime
 * that runs vitest.
 */
export default defineConfig({
  test: {
    globalSetup: 'test/support/global-setup.ts',
    reporters: ['default', 'test/support/conformance/reporter.ts'],
    maxWorkers: 3,
    projects: runtimes.map((runtime) => ({
      test: {
        name: `${runtime.name} ${runtime.version}`,
        include: ['test/conformance/*.test.ts'],
        setupFiles: 'test/support/end-with-parent.ts',
        testTimeout: 30_000,
        hookTimeout: 60_000,
        // Files of one runtime share a worker's modules: loading the clients takes longer than most files.
        isolate: false,
        provide: { runtime },
      },
    })),
  },
})
