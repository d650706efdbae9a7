import { defineConfig } from 'vitest/config'
import shared from './vitest.config.ts'

/** `npm run test:clients`, which installs the clients first. */
export default defineConfig({ test: { ...shared.test, include: ['test/clients/*.ts'] } })
