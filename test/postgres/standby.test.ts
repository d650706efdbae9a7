import { once } from 'node:events'
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import { connect } from '../../src/postgres/database.ts'
import { type CliServer, startServer } from '../support/cli/server.ts'
import { describeWithRedis, eventually, redisUrl } from '../support/index.ts'
import { type Replicated, startReplicated } from '../support/postgres/replicated.ts'
import { startLine } from '../support/postgres/start-line.ts'

const REASON = 'this database is a standby, which takes no writes'

/** One address for whichever Postgres is at `target`, as a load balancer or a name gives it. */
async function startSwitch(target: number) {
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const server = connectTo(address.target, '127.0.0.1')
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket)
      socket.pipe(other)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  const address = {
    port: (listener.address() as AddressInfo).port,
    /** Of new connections: the others stay where they are. */
    target,
    close() {
      listener.close()
      for (const socket of sockets) socket.destroy()
    },
  }
  return address
}

describeWithRedis('a standby', () => {
  let pair: Replicated
  let address: Awaited<ReturnType<typeof startSwitch>>
  let server: CliServer
  let paid = 0
  beforeAll(async () => {
    pair = await startReplicated()
    address = await startSwitch(pair.standby.port)
    server = await startServer(pair.urlOf(address.port), redisUrl(), { REQUEST_TIMEOUT: '2' })
  }, 120_000)
  afterAll(async () => {
    await server?.close()
    address?.close()
    await pair?.close()
  })

  const pay = async () => {
    const body = { userId: 'ann', amount: 1, description: 'x' }
    await server.post('boss', '/transactions/adjustment', body, ['admin'])
    paid += 1
  }
  const ready = async () => {
    const response = await fetch(`${server.url}/health/ready`)
    const { checks } = (await response.json()) as { checks: Record<string, unknown> }
    return { status: response.status, postgres: checks.postgres }
  }
  const becomesReady = () =>
    eventually(async () => expect(await ready()).toEqual({ status: 200, postgres: { ok: true } }))
  const staysReadOnly = () =>
    eventually(async () =>
      expect(await ready()).toEqual({ status: 503, postgres: { ok: false, reason: REASON } }),
    )

  test('that lacks the schema ends the start in one line', async () => {
    const DATABASE_URL = pair.urlOf(pair.standby.port, 'empty')
    expect(await startLine({ DATABASE_URL })).toBe(`DATABASE_URL: ${REASON}`)
  })

  test('is no database to be ready with, until the address leads to the primary', async () => {
    await staysReadOnly()
    await expect(pay()).rejects.toThrow(/503/)
    // The sessions with the standby stay open, as through a load balancer.
    address.target = pair.primary.port
    await eventually(pay)
    await becomesReady()
  })

  test('takes over from a primary that died, without a restart of the server', async () => {
    address.target = pair.primary.port
    await eventually(pay)
    await pair.standbyHasAll()
    await pair.killPrimary()
    await expect(pay()).rejects.toThrow(/503 .*"(unavailable|timeout)"/)
    await eventually(async () => expect((await ready()).status).toBe(503))
    address.target = pair.standby.port
    await staysReadOnly()
    await expect(pay()).rejects.toThrow(/503 .*"(unavailable|timeout)"/)

    const sql = connect(pair.urlOf(pair.standby.port), { max: 1 })
    try {
      await sql`select pg_promote(wait => true)`
      await eventually(pay)
      await becomesReady()
      await pay()
      const audit = await new Auditor(sql).audit('default')
      expect(audit).toMatchObject({ inaccurate: 0, discrepancies: [] })
      const [row] = await sql`
        select count(*)::int as paid from transactions where description = 'x'`
      expect(row?.paid).toBeGreaterThanOrEqual(paid)
    } finally {
      await sql.end()
    }
  }, 120_000)
})
