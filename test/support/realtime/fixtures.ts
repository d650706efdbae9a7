import { test as base } from 'vitest'
import { startServer } from './balance-server.ts'

/** Tests of streams. Each test that asks for `testServer` has its own, with the default settings; see `startServer`. */
export const test = base.extend('testServer', () => startServer())
