import assert from 'node:assert/strict'
import type postgres from 'postgres'
import { sleep } from '../../src/lib/timeout.ts'
import { eventually } from '../support/index.ts'
import type { Random } from '../support/random.ts'
import type { ServerProcess } from '../support/server-process.ts'
import type { ChaosClient } from './client.ts'

export interface FaultTargets {
  servers: readonly ServerProcess[]
  /** Connections of a superuser, on the same machine. */
  sql: postgres.Sql
  clients: readonly ChaosClient[]
  random: Random
  /** The longest outage of Redis, in milliseconds. */
  longestOutage: number
}

/** Each fault by its name. It resolves when the fault has ended. Their sleeps are the random durations of outages. */
export type Faults = Record<string, (targets: FaultTargets) => Promise<void>>

/** Those of everything but Redis. */
export const FAULTS: Faults = {
  async 'kill -9 of a process'({ servers, random }) {
    const server = random.pick(servers)
    await server.end('SIGKILL')
    await sleep(random.between(0, 1500))
    await server.start()
  },
  async 'restart of a process'({ servers, random }) {
    const server = random.pick(servers)
    const code = await server.end('SIGTERM')
    if (code !== 0) throw new Error(`SIGTERM ended with ${code}`)
    await server.start()
  },
  async 'crash restart of Postgres'({ sql }) {
    const [row] = await sql<{ pid: number }[]>`
      select pid from pg_stat_activity
      where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1`
    if (!row) return
    const before = await checkpointer(sql)
    // One killed backend makes the postmaster end all of them and recover.
    process.kill(row.pid, 'SIGKILL')
    // An answer alone proves nothing: a session may still answer before the postmaster sees the death.
    await eventually(async () => assert.notEqual(await checkpointer(sql), before), {
      timeout: 60_000,
    })
  },
  async 'end of all database sessions'({ sql }) {
    await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`
  },
  async 'loss of clients’ connections'({ clients, random }) {
    for (const client of clients) if (random.next() < 0.3) client.disconnect()
  },
}

/** The process that writes checkpoints: each recovery has a new one. It is missing while it starts. */
async function checkpointer(sql: postgres.Sql): Promise<string> {
  const [row] = await sql<{ started: string }[]>`
    select pid || ' ' || backend_start as started from pg_stat_activity where backend_type = 'checkpointer'`
  if (!row) throw new Error('Postgres has no checkpointer at the moment')
  return row.started
}
