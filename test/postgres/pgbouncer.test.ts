import { expect } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { Reader } from '../../src/ledger/reader.ts'
import { ALL_SESSIONS, connect } from '../../src/postgres/database.ts'
import { tryWrite } from '../../src/postgres/schema-check.ts'
import { startServer } from '../support/cli/server.ts'
import { test } from '../support/fixtures.ts'
import { eventually, redisUrl } from '../support/index.ts'
import { describeWithPgBouncer, startPgBouncer } from '../support/postgres/pgbouncer.ts'
import { startLine } from '../support/postgres/start-line.ts'

const gift = { op: 'adjustment', tenant: 'default', actor: 'ada', currency: 'USD' } as const

describeWithPgBouncer('behind PgBouncer', () => {
  test('in transaction mode, with fewer sessions than writers, no cent is lost', async ({
    database,
  }) => {
    const pooler = await startPgBouncer([database.appUrl], { default_pool_size: 2 })
    const sql = connect(pooler.through(database.appUrl), { max: 8 })
    try {
      const executor = new Executor(sql, { inFlight: 4, batchSize: 8 })
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          executor.execute({
            ...gift,
            userId: `user-${i % 7}`,
            amount: BigInt(i + 1),
            description: 'x',
          }),
        ),
      )
      expect(outcomes.every(({ ok }) => ok)).toBe(true)
      const reader = new Reader(sql)
      const balances = await Promise.all(
        Array.from({ length: 7 }, (_, i) =>
          reader.balance({ tenant: 'default', userId: `user-${i}` }, 'USD'),
        ),
      )
      expect(balances.reduce((sum, { balance }) => sum + balance, 0n)).toBe(20_100n)
      // One connection's statements meet sessions that do not know them.
      const echoes = await Promise.all(
        Array.from({ length: 400 }, (_, i) => sql<{ i: number }[]>`select ${i}::int as i`),
      )
      expect(echoes.flat().map(({ i }) => i)).toEqual(echoes.map((_, i) => i))
      expect(await new Auditor(sql).audit('default')).toMatchObject({
        inaccurate: 0,
        discrepancies: [],
      })
    } finally {
      await sql.end()
      await pooler.close()
    }
  })

  test.for(['transaction', 'session'])(
    'in %s mode, queries with and without parameters share a session',
    async (mode, { database }) => {
      const pooler = await startPgBouncer([database.appUrl], { pool_mode: mode })
      const sql = connect(pooler.through(database.appUrl), { max: 1 })
      try {
        await sql`select 0`
        const asked = await Promise.all([
          sql`select 1 as i`,
          sql<{ i: number }[]>`select ${2}::int as i`,
          tryWrite(sql),
          sql<{ i: number }[]>`select ${3}::int as i ${sql`where true`}`,
          sql`select 4 as i, ${sql`true`} as b`,
          sql<{ i: number }[]>`select ${5}::int as i`,
        ])
        expect(asked.map((rows) => rows?.[0])).toEqual([
          { i: 1 },
          { i: 2 },
          undefined,
          { i: 3 },
          { i: 4, b: true },
          { i: 5 },
        ])
      } finally {
        await sql.end({ timeout: 1 })
        await pooler.close()
      }
    },
  )

  test.for(['transaction', 'session'])(
    'a whole server runs in %s mode, and survives its end',
    async (mode, { emptyDatabase: database }) => {
      const pooler = await startPgBouncer([database.ownerUrl, database.appUrl], {
        pool_mode: mode,
        // In session mode each connection of the server keeps one.
        default_pool_size: mode === 'session' ? ALL_SESSIONS : 4,
      })
      // The schema comes through the pooler as well, by its owner.
      const owner = await startServer(pooler.through(database.ownerUrl), redisUrl() ?? '', {})
      await owner.close()
      const server = await startServer(pooler.through(database.appUrl), redisUrl() ?? '', {
        REQUIRE_APP_ROLE: 'true',
      })
      const pay = () =>
        server.post(
          'boss',
          '/transactions/adjustment',
          { userId: 'ann', amount: 1, description: 'x' },
          ['admin'],
        )
      try {
        await pay()
        await pooler.kill()
        await expect(pay()).rejects.toThrow(/503/)
        await pooler.restart()
        await eventually(pay)
      } finally {
        await server.close()
        await pooler.close()
      }
    },
  )

  test('a connection string that does not name it ends the start in one line', async ({
    database,
  }) => {
    const pooler = await startPgBouncer([database.ownerUrl])
    try {
      expect(await startLine({ DATABASE_URL: pooler.through(database.ownerUrl, '') })).toMatch(
        /^DATABASE_URL: the database refuses: unsupported startup parameter: \w+: for PgBouncer, add pgbouncer=true$/,
      )
    } finally {
      await pooler.close()
    }
  })

  test('a role that it passes on to nobody is named', async ({ database }) => {
    const pooler = await startPgBouncer([database.ownerUrl], {
      ignore_startup_parameters: [
        ...['role', 'statement_timeout', 'lock_timeout', 'jit', 'search_path'],
        ...['default_transaction_isolation', 'idle_session_timeout'],
        'idle_in_transaction_session_timeout',
      ].join(),
    })
    try {
      for (const parameters of ['', '?pgbouncer=true']) {
        const url = pooler.through(database.ownerUrl, parameters)
        expect(await startLine({ DATABASE_URL: url, REQUIRE_APP_ROLE: 'true' })).toBe(
          `DATABASE_URL: this login cannot take on the role ${database.appRole} (REQUIRE_APP_ROLE)`,
        )
      }
    } finally {
      await pooler.close()
    }
  })
})
