import { expect } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import { connect } from '../../src/postgres/database.ts'
import { type CliServer, startServer } from '../support/cli/server.ts'
import { describeWithRedis, eventually, redisUrl } from '../support/index.ts'
import { test as base } from '../support/postgres/replicated.ts'
import { startLine } from '../support/postgres/start-line.ts'
import { startSwitch } from '../support/postgres/switch.ts'

const REASON = 'this database is a standby, which takes no writes'

const test = base
  /** Leads to the standby at first. */
  .extend('address', { scope: 'file' }, async ({ pair }, { onCleanup }) => {
    const address = await startSwitch(pair.standby.port)
    onCleanup(() => address.close())
    return address
  })
  .extend('server', { scope: 'file' }, async ({ pair, address }, { onCleanup }) => {
    const url = pair.urlOf(address.port)
    const server = await startServer(url, redisUrl(), { REQUEST_TIMEOUT: '2' })
    onCleanup(() => server.close())
    return server
  })

describeWithRedis('a standby', () => {
  let paid = 0
  // The pair takes longer to start than a test may last.
  test.beforeAll(({ server: _started }) => {}, 120_000)

  const pay = async (server: CliServer) => {
    const body = { userId: 'ann', amount: 1, description: 'x' }
    await server.post('boss', '/transactions/adjustment', body, ['admin'])
    paid += 1
  }
  const ready = async (server: CliServer) => {
    const response = await fetch(`${server.url}/health/ready`)
    const { checks } = (await response.json()) as { checks: Record<string, unknown> }
    return { status: response.status, postgres: checks.postgres }
  }
  const becomesReady = (server: CliServer) =>
    eventually(async () =>
      expect(await ready(server)).toEqual({ status: 200, postgres: { ok: true } }),
    )
  const staysReadOnly = (server: CliServer) =>
    eventually(async () =>
      expect(await ready(server)).toEqual({ status: 503, postgres: { ok: false, reason: REASON } }),
    )

  test('that lacks the schema ends the start in one line', async ({ pair }) => {
    const DATABASE_URL = pair.urlOf(pair.standby.port, 'empty')
    expect(await startLine({ DATABASE_URL })).toBe(`DATABASE_URL: ${REASON}`)
  })

  test('is no database to be ready with, until the address leads to the primary', async ({
    pair,
    address,
    server,
  }) => {
    await staysReadOnly(server)
    await expect(pay(server)).rejects.toThrow(/503/)
    // The sessions with the standby stay open, as through a load balancer.
    address.target = pair.primary.port
    await eventually(() => pay(server))
    await becomesReady(server)
  })

  test('takes over from a primary that died, without a restart of the server', async ({
    pair,
    address,
    server,
  }) => {
    address.target = pair.primary.port
    await eventually(() => pay(server))
    await pair.standbyHasAll()
    await pair.killPrimary()
    await expect(pay(server)).rejects.toThrow(/503 .*"(unavailable|timeout)"/)
    await eventually(async () => expect((await ready(server)).status).toBe(503))
    address.target = pair.standby.port
    await staysReadOnly(server)
    await expect(pay(server)).rejects.toThrow(/503 .*"(unavailable|timeout)"/)

    const sql = connect(pair.urlOf(pair.standby.port), { max: 1 })
    try {
      await sql`select pg_promote(wait => true)`
      await eventually(() => pay(server))
      await becomesReady(server)
      await pay(server)
      const audit = await new Auditor(sql).audit('default')
      expect(audit).toMatchObject({ inaccurate: 0, discrepancies: [] })
      const [row] = await sql`
        select count(*)::int as paid from transactions where description = 'x'`
      expect(row?.paid).toBeGreaterThanOrEqual(paid)
    } finally {
      await sql.end()
    }
  })
})
