import { randomUUID } from 'node:crypto'
import { test as base } from 'vitest'
import { openLiveServer } from './live-server.ts'
import { layWire } from './wire.ts'

/** Tests of the client against the whole server. The tests of a file share one server. */
export const test = base
  .extend('server', { scope: 'file' }, async ({}, { onCleanup }) => {
    const server = await openLiveServer()
    onCleanup(server.close)
    return server
  })
  /** A user whom no other test knows. */
  .extend('user', async ({}) => `user-${randomUUID().slice(0, 8)}`)
  /** The network between a client and the server. */
  .extend('wire', async ({ server }) => layWire(server.port))
