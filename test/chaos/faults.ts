import { Redis } from 'ioredis'
import type postgres from 'postgres'
import { sleep } from '../../src/lib/timeout.ts'
import { eventually, type PrivateRedis } from '../support/index.ts'
import type { ServerProcess } from '../support/server-process.ts'
import type { ChaosClient } from './client.ts'
import type { Random } from './random.ts'

export interface FaultTargets {
  servers: readonly ServerProcess[]
  redis: PrivateRedis
  /** Connections of a superuser, on the same machine. */
  sql: postgres.Sql
  clients: readonly ChaosClient[]
  random: Random
  /** The longest outage of Redis, in milliseconds. */
  longestOutage: number
}

/** The faults. Each resolves when it has ended. Their sleeps are the random durations of the outages. */
export const FAULTS = {
  async 'kill -9 of a process'({ servers, random }: FaultTargets) {
    const server = random.pick(servers)
    await server.end('SIGKILL')
    await sleep(random.between(0, 1500))
    await server.start()
  },
  async 'restart of a process'({ servers, random }: FaultTargets) {
    const server = random.pick(servers)
    const code = await server.end('SIGTERM')
    if (code !== 0) throw new Error(`SIGTERM ended with ${code}`)
    await server.start()
  },
  async 'kill and restart of Redis'({ redis, random, longestOutage }: FaultTargets) {
    await redis.kill()
    await sleep(random.between(100, longestOutage))
    await redis.restart()
  },
  async 'pause of Redis'({ redis, random, longestOutage }: FaultTargets) {
    redis.pause()
    await sleep(random.between(500, longestOutage / 2))
    redis.resume()
  },
  async 'kill of the subscribers'({ redis }: FaultTargets) {
    const admin = new Redis(redis.url)
    try {
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    } finally {
      admin.disconnect()
    }
  },
  async 'kill of all Redis connections'({ redis }: FaultTargets) {
    const admin = new Redis(redis.url)
    try {
      await admin.call('CLIENT', 'KILL', 'SKIPME', 'yes')
    } finally {
      admin.disconnect()
    }
  },
  async 'crash restart of Postgres'({ sql }: FaultTargets) {
    const [row] = await sql<{ pid: number }[]>`
      select pid from pg_stat_activity
      where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1`
    // One killed backend makes the postmaster end all of them and recover.
    if (row) process.kill(row.pid, 'SIGKILL')
    await eventually(() => sql`select 1`, { timeout: 10_000 })
  },
  async 'end of all database sessions'({ sql }: FaultTargets) {
    await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`
  },
  async 'loss of clients’ connections'({ clients, random }: FaultTargets) {
    for (const client of clients) if (random.next() < 0.3) client.disconnect()
  },
}

export type FaultName = keyof typeof FAULTS
