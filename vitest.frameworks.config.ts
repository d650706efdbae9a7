import { defineConfig } from 'vitest/config'
import shared from './vitest.config.ts'

/** `npm run test:frameworks`. It installs the frameworks from npm, half a gigabyte, in a temporary folder. */
export default defineConfig({
  test: { ...shared.test, include: ['test/frameworks/frameworks.ts'] },
})
