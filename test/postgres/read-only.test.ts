import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { type CliServer, startServer } from '../support/cli/server.ts'
import {
  createDatabase,
  describeWithRedis,
  eventually,
  redisUrl,
  type TestDatabase,
} from '../support/index.ts'

describeWithRedis('a database that was read-only for a while', () => {
  let database: TestDatabase
  let owner: Sql
  let server: CliServer
  beforeAll(async () => {
    database = await createDatabase()
    owner = connect(database.ownerUrl, { max: 1 })
    server = await startServer(database.ownerUrl, redisUrl(), { REQUEST_TIMEOUT: '2' })
  })
  afterAll(async () => {
    await server?.close()
    await owner?.end()
    await database?.drop()
  })

  const pay = () =>
    server.post(
      'boss',
      '/transactions/adjustment',
      { userId: 'ann', amount: 1, description: 'x' },
      ['admin'],
    )
  const ready = async () => {
    const response = await fetch(`${server.url}/health/ready`)
    const { checks } = (await response.json()) as { checks: Record<string, unknown> }
    return { status: response.status, postgres: checks.postgres }
  }
  /** Sets it for new sessions, and ends those of the server, which opens new ones. */
  const set = async (readOnly: 'on' | 'off', renew: boolean) => {
    const name = new URL(database.ownerUrl).pathname.slice(1)
    await owner.unsafe(
      `set default_transaction_read_only = off; alter database ${name} set default_transaction_read_only = ${readOnly}`,
    )
    if (!renew) return
    await owner`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`
  }

  test('is not ready meanwhile, and takes payments again without a restart', async () => {
    await pay()
    expect(await ready()).toEqual({ status: 200, postgres: { ok: true } })
    await set('on', true)
    const reason = 'Postgres is read-only'
    await eventually(
      async () => expect(await ready()).toEqual({ status: 503, postgres: { ok: false, reason } }),
      { timeout: 20_000 },
    )
    await expect(pay()).rejects.toThrow(/503/)
    await set('off', false)
    await eventually(pay, { timeout: 20_000 })
    await eventually(
      async () => expect(await ready()).toEqual({ status: 200, postgres: { ok: true } }),
      { timeout: 20_000 },
    )
  })

  test('rights that were revoked are named, and payments go on once they are granted', async () => {
    const right = (change: string) =>
      owner.unsafe(`set default_transaction_read_only = off; ${change} ${database.appRole}`)
    await right('revoke execute on function ledger_apply(json) from')
    const reason = 'Postgres denies the server the right to write'
    await eventually(
      async () => expect(await ready()).toEqual({ status: 503, postgres: { ok: false, reason } }),
      { timeout: 20_000 },
    )
    await expect(pay()).rejects.toThrow(/503/)
    await right('grant execute on function ledger_apply(json) to')
    await eventually(pay, { timeout: 20_000 })
    await eventually(
      async () => expect(await ready()).toEqual({ status: 200, postgres: { ok: true } }),
      { timeout: 20_000 },
    )
  })
})

test('a transaction under way is not cut when the sessions are renewed', async () => {
  const database = await createDatabase()
  const sql = connect(database.ownerUrl, { max: 2 })
  try {
    const pid = async (of: Sql) => (await of`select pg_backend_pid() as pid`)[0]?.pid as number
    const before = await pid(sql)
    const transacted = await sql.begin(async (tx) => {
      const own = await pid(tx as unknown as Sql)
      // The pool has two sessions: any third one is of its successor.
      const other = await pid(sql)
      // Names are looked up by the session's own search path, so a missing one renews the pool, at most once a second.
      await eventually(
        async () => {
          await expect(sql`select * from missing`).rejects.toThrow('does not exist')
          expect([own, other, before]).not.toContain(await pid(sql))
        },
        { timeout: 20_000 },
      )
      // Longer than any session that is ending would be given.
      await tx`select pg_sleep(6)`
      return (await pid(tx as unknown as Sql)) === own
    })
    expect(transacted).toBe(true)
  } finally {
    await sql.end()
    await database.drop()
  }
})
