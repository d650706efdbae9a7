import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import { connect } from '../../src/postgres/database.ts'
import { inProcess } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import {
  createDatabase,
  describeWithRedis,
  eventually,
  mintToken,
  redisUrl,
} from '../support/index.ts'
import { connectBy } from '../support/realtime/balance-server.ts'
import { ServerProcess } from '../support/server-process.ts'

describeWithRedis('the analytics of the command line, with a server', () => {
  const beside = serverOfSuite()
  const cli = (...args: string[]) => inProcess(beside.server.env, ...args)
  const adjust = (userId: string, amount: number) => {
    const gift = { userId, amount, description: 'a gift' }
    return beside.server.post('ada', '/transactions/adjustment', gift, ['admin'])
  }

  test('show a row for each day, as a table, as JSON and as CSV', async () => {
    await adjust('cli/ann', 120)
    await beside.server.post('cli/ann', '/transactions', { type: 'booking_payment', amount: 45 })
    const day = new Date().toISOString().slice(0, 10)
    const table = await eventually(async () => {
      const ran = await cli('analytics', '--zone', 'Asia/Kolkata')
      expect(ran.stdout).toMatch(/ +1 +0 +45 +0 +75 +0\n$/)
      return ran
    })
    const [head, ...rows] = table.stdout.trimEnd().split('\n')
    expect(head).toMatch(/^FROM \(UTC\) +USERS +TOPUPS +PAYMENTS +REFUNDS +BALANCE +HELD$/)
    // By default 30 days. A day of India begins at half past six in the evening of UTC.
    expect(rows.length).toBeGreaterThanOrEqual(30)
    expect(rows.every((row) => /^\d{4}-\d\d-\d\d 18:30 /.test(row))).toBe(true)

    const json = JSON.parse(
      (await cli('analytics', '--bucket', 'hour', '--from', day, '--json')).stdout,
    )
    expect(json).toMatchObject({ bucket: 'hour', timeZone: 'UTC', currency: 'USD' })
    const csv = await cli('analytics', '--from', day, '--csv')
    expect(csv.stdout).toMatch(/^from,to,type,status,.*\n/)
    expect(csv.stdout).toMatch(/,booking_payment,success,1,45,-45,0,45,1,/)
    expect((await cli('analytics', '--currency', 'JPY', '--csv')).stdout).not.toMatch(/payment/)
  })

  test.for([
    [['--bucket', 'month'], '--bucket is hour or day'],
    [['--csv', '--json'], 'give --csv or --json'],
  ] as const)('%j is wrong usage', async ([args, problem]) => {
    const { code, stderr } = await cli('analytics', ...args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(problem)])
  })

  test('a rebuild while payments go on loses none, and the audit finds them all', async () => {
    const users = Array.from({ length: 30 }, (_, i) => `cli/payer${i}`)
    await Promise.all(users.map((userId) => adjust(userId, 100)))
    let rebuilt = false
    let paid = 0
    const payer = async (userId: string) => {
      while (!rebuilt) {
        await beside.server.post(userId, '/transactions', { type: 'booking_payment', amount: 0.01 })
        paid++
      }
    }
    const paying = Promise.all(users.slice(0, 4).map(payer))
    const { code, stdout } = await cli('analytics', 'rebuild').finally(() => {
      rebuilt = true
    })
    await paying
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d\d wallets in \d+ s\.\n$/)])
    expect(paid).toBeGreaterThan(4)
    const sql = connect(beside.database.ownerUrl, { max: 1 })
    try {
      await eventually(async () => {
        const [row] = await sql`
          select sum(transactions)::int as paid from analytics_days
          where generation = analytics_generation() and type = 'booking_payment'`
        expect(row?.paid).toBe(paid + 1)
      })
      const audit = await new Auditor(sql).audit('default')
      expect(audit.discrepancies).toEqual([])
    } finally {
      await sql.end()
    }
    const again = await cli('analytics', 'rebuild', '--json')
    expect(JSON.parse(again.stdout)).toMatchObject({ wallets: 31 })
  })
})

describeWithRedis('the counts of a process', () => {
  test('are written when it stops, and lost in part when it is killed', {
    timeout: 120_000,
  }, async () => {
    const database = await createDatabase()
    const logFile = join(inject('runFolder'), 'counts.log')
    const more = { DRAIN_SECONDS: '0' }
    const databaseUrl = database.ownerUrl
    const server = await ServerProcess.start({ databaseUrl, redisUrl: redisUrl(), logFile, more })
    const sql = connect(databaseUrl, { max: 1 })
    const token = await mintToken({ sub: 'cy' })
    const refuse = async () => {
      const { status } = await fetch(`${server.url}/transactions`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ type: 'booking_payment', amount: 5 }),
      })
      expect(status).toBe(402)
    }
    const counted = async (name: string) => {
      const [row] = await sql<{ n: number }[]>`
        select coalesce(sum(count), 0)::int as n from analytics_counts where name = ${name}`
      return row?.n
    }
    try {
      const client = connectBy.SSE(server.url, token)
      await eventually(() => expect(client.received.length).toBeGreaterThan(0))
      await refuse()
      await refuse()
      await server.end('SIGTERM')
      expect(await counted('refusals')).toBe(2)
      expect(await counted('connections')).toBe(1)
      expect(await counted('events')).toBeGreaterThan(0)
      client.close()

      await server.start()
      await refuse()
      await server.end('SIGKILL')
      // At most what it counted in its last minute, and nothing that was written before.
      expect([2, 3]).toContain(await counted('refusals'))
    } finally {
      await server.end('SIGKILL')
      await sql.end()
      await database.drop()
    }
  })
})
