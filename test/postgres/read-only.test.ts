import { expect } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { type CliServer, startServer } from '../support/cli/server.ts'
import { test as base } from '../support/fixtures.ts'
import { describeWithRedis, eventually, redisUrl } from '../support/index.ts'

const test = base.extend('server', { scope: 'file' }, async ({ database }, { onCleanup }) => {
  const server = await startServer(database.ownerUrl, redisUrl(), { REQUEST_TIMEOUT: '2' })
  onCleanup(() => server.close())
  return server
})

describeWithRedis('a database that was read-only for a while', () => {
  const pay = (server: CliServer) =>
    server.post(
      'boss',
      '/transactions/adjustment',
      { userId: 'ann', amount: 1, description: 'x' },
      ['admin'],
    )
  const ready = async (server: CliServer) => {
    const response = await fetch(`${server.url}/health/ready`)
    const { checks } = (await response.json()) as { checks: Record<string, unknown> }
    return { status: response.status, postgres: checks.postgres }
  }
  /** Sets it for new sessions, and ends those of the server, which opens new ones. */
  const set = async (owner: Sql, readOnly: 'on' | 'off', renew: boolean) => {
    const [database] = await owner<{ name: string }[]>`select current_database() as name`
    await owner.unsafe(
      `set default_transaction_read_only = off; alter database ${database?.name} set default_transaction_read_only = ${readOnly}`,
    )
    if (!renew) return
    await owner`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`
  }

  test('is not ready meanwhile, and takes payments again without a restart', async ({
    owner,
    server,
  }) => {
    await pay(server)
    expect(await ready(server)).toEqual({ status: 200, postgres: { ok: true } })
    await set(owner, 'on', true)
    const reason = 'Postgres is read-only'
    await eventually(async () =>
      expect(await ready(server)).toEqual({ status: 503, postgres: { ok: false, reason } }),
    )
    await expect(pay(server)).rejects.toThrow(/503/)
    await set(owner, 'off', false)
    await eventually(() => pay(server))
    await eventually(async () =>
      expect(await ready(server)).toEqual({ status: 200, postgres: { ok: true } }),
    )
  })

  test('rights that were revoked are named, and payments go on once they are granted', async ({
    database,
    owner,
    server,
  }) => {
    const right = (change: string) =>
      owner.unsafe(`set default_transaction_read_only = off; ${change} ${database.appRole}`)
    await right('revoke execute on function ledger_apply(json) from')
    const reason = 'Postgres denies the server the right to write'
    await eventually(async () =>
      expect(await ready(server)).toEqual({ status: 503, postgres: { ok: false, reason } }),
    )
    await expect(pay(server)).rejects.toThrow(/503/)
    await right('grant execute on function ledger_apply(json) to')
    await eventually(() => pay(server))
    await eventually(async () =>
      expect(await ready(server)).toEqual({ status: 200, postgres: { ok: true } }),
    )
  })
})

test('a transaction under way is not cut when the sessions are renewed', async ({
  emptyDatabase: database,
}) => {
  const sql = connect(database.ownerUrl, { max: 2 })
  try {
    const pid = async (of: Sql) => (await of`select pg_backend_pid() as pid`)[0]?.pid as number
    const before = await pid(sql)
    const transacted = await sql.begin(async (tx) => {
      const own = await pid(tx as unknown as Sql)
      // The pool has two sessions: any third one is of its successor.
      const other = await pid(sql)
      // Names are looked up by the session's own search path, so a missing one renews the pool, at most once a second.
      await eventually(async () => {
        await expect(sql`select * from missing`).rejects.toThrow('does not exist')
        expect([own, other, before]).not.toContain(await pid(sql))
      })
      // Longer than any session that is ending would be given.
      await tx`select pg_sleep(6)`
      return (await pid(tx as unknown as Sql)) === own
    })
    expect(transacted).toBe(true)
  } finally {
    await sql.end()
  }
})
