import { join } from 'node:path'
import postgres from 'postgres'
import { test as base, inject } from 'vitest'
import { createDatabase } from './database.ts'
import { startPrivateRedis } from './redis.ts'
import { type ServerEnvironment, ServerProcess } from './server-process.ts'

/**
 * Tests that break an installation: real servers as separate processes, with a database and a Redis that only one test
 * uses. Use them in suites of `describeWithPrivateRedis`.
 */
export const test = base
  .extend('database', async ({}, { onCleanup }) => {
    const database = await createDatabase()
    onCleanup(() => database.drop())
    return database
  })
  /** Connections of the test itself, as the owner of every table. */
  .extend('sql', async ({ database }, { onCleanup }) => {
    const sql = postgres(database.ownerUrl, { max: 2, onnotice: () => {} })
    onCleanup(() => sql.end({ timeout: 1 }))
    return sql
  })
  .extend('redis', async ({}, { onCleanup }) => {
    const redis = await startPrivateRedis()
    onCleanup(() => redis.close())
    return redis
  })
  /** Starts one more server. */
  .extend('startProcess', async ({ database, redis }, { onCleanup }) => {
    const servers: ServerProcess[] = []
    onCleanup(async () => {
      await Promise.all(servers.map((server) => server.end('SIGKILL')))
    })
    return async (environment: Partial<ServerEnvironment> = {}) => {
      const server = await ServerProcess.start({
        databaseUrl: database.ownerUrl,
        redisUrl: redis.url,
        logFile: join(inject('runFolder'), 'processes.log'),
        ...environment,
      })
      servers.push(server)
      return server
    }
  })
