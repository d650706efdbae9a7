import { defineConfig } from 'vitest/config'
import shared from './vitest.config.ts'

/** `npm run test:chaos`. `CHAOS_MINUTES` (default 1) and `CHAOS_SEED` are its settings. */
export default defineConfig({ test: { ...shared.test, include: ['test/chaos/chaos.ts'] } })
