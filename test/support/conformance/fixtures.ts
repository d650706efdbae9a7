import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { test as base, inject } from 'vitest'
import type { Runtime } from '../../../scripts/runtimes.ts'
import { createDatabase, describeWithPrivateRedis, startPrivateRedis } from '../index.ts'
import { TRANSPORTS as ALL, type Transport } from '../realtime/clients.ts'
import { type ServerEnvironment, ServerProcess } from '../server-process.ts'
import { People } from './api.ts'

declare module 'vitest' {
  interface ProvidedContext {
    runtime: Runtime
  }
}

const { name, command, program } = inject('runtime')

/** Whether the runtime serves by its own server. Then Socket.IO and the connection below HTTP are missing. */
export const isEdge = name.endsWith('.serve')

export const isNode = name === 'Node'

export const TRANSPORTS: Transport[] = isEdge ? ['SSE', 'WebSocket'] : ALL

/** The transports on which clients send messages. */
export const SENDING = TRANSPORTS.filter((transport) => transport !== 'SSE')

/** A suite of checks from outside, named after its subject. */
export const conformance = describeWithPrivateRedis

/** A server as a process of the runtime, with a database and a Redis that only this file uses. */
export const test = base
  .extend('database', { scope: 'file' }, async ({}, { onCleanup }) => {
    const database = await createDatabase()
    onCleanup(() => database.drop())
    return database
  })
  .extend('redis', { scope: 'file' }, async ({}, { onCleanup }) => {
    const redis = await startPrivateRedis()
    onCleanup(() => redis.close())
    return redis
  })
  /** Starts a server with these variables. It ends with the file. */
  .extend('startServer', { scope: 'file' }, async ({ database, redis }, { onCleanup }) => {
    const servers: ServerProcess[] = []
    onCleanup(async () => {
      await Promise.all(servers.map((server) => server.end('SIGKILL')))
    })
    return async (more: Record<string, string> = {}) => {
      const folder = await mkdtemp(join(inject('runFolder'), 'conformance-'))
      const environment: ServerEnvironment = {
        databaseUrl: database.ownerUrl,
        redisUrl: redis.url,
        logFile: join(folder, 'server.log'),
        command,
        program,
        more: { LOG_LEVEL: 'info', ...more },
      }
      const server = await ServerProcess.start(environment)
      servers.push(server)
      return Object.assign(server, { logFile: environment.logFile })
    }
  })
  .extend('server', { scope: 'file' }, ({ startServer }) => startServer())
  .extend('people', { scope: 'file' }, ({ server }) => new People(server.url))
