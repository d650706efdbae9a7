import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, inject, onTestFinished } from 'vitest'
import type { Sql } from '../../src/postgres/database.ts'
import { test } from '../support/fixtures.ts'
import {
  describeWithRedis,
  eventually,
  mintToken,
  redisUrl,
  sqlRoleOf,
  type TestDatabase,
} from '../support/index.ts'
import { ServerProcess } from '../support/server-process.ts'

/** A login of an application, with a schema for its tables. */
async function applicationLogin(database: TestDatabase, owner: Sql): Promise<string> {
  const login = `booking_${randomBytes(4).toString('hex')}`
  await owner.unsafe(`
    create role ${login} login password 'secret';
    grant "${sqlRoleOf(database.appRole)}" to ${login};
    create schema ${login} authorization ${login}`)
  onTestFinished(
    async () => void (await owner.unsafe(`drop owned by ${login}; drop role ${login}`)),
  )
  return Object.assign(new URL(database.ownerUrl), { username: login, password: 'secret' }).href
}

async function startBooking(url: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/booking/app.ts'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, DATABASE_URL: url, PORT: '0' },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  await eventually(() => expect(output).toMatch(/on http/), { timeout: 60_000 })
  return { child, url: /http:\S+/.exec(output)?.[0] ?? '' }
}

const book = (url: string, id: string, amount: number) =>
  fetch(`${url}/bookings`, { method: 'POST', body: JSON.stringify({ id, userId: 'ann', amount }) })

/** The names and balances that a stream has told, without end. */
function follow(url: string, token: string): { events: string[] } {
  const events: string[] = []
  const abort = new AbortController()
  onTestFinished(() => abort.abort())
  void (async () => {
    const response = await fetch(`${url}/balance/stream?token=${token}`, { signal: abort.signal })
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true })
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const [, event] = /^event: (.*)$/m.exec(text.slice(0, end)) ?? []
        const [, data = '{}'] = /^data: (.*)$/m.exec(text.slice(0, end)) ?? []
        text = text.slice(end + 2)
        const { balance, newBalance = balance } = JSON.parse(data)
        if (event) events.push(`${event} ${newBalance}`)
      }
    }
  })().catch(() => {})
  return { events }
}

describeWithRedis('the booking application of the examples', () => {
  test('books and pays together, and the screen of the user follows', async ({
    database,
    owner,
  }) => {
    const server = await ServerProcess.start({
      databaseUrl: database.ownerUrl,
      redisUrl: redisUrl(),
      logFile: join(inject('runFolder'), 'booking.log'),
    })
    onTestFinished(async () => void (await server.end('SIGKILL')))
    await owner`select livebalance.credit('ann', 100)`
    const { events } = follow(server.url, await mintToken({ sub: 'ann' }))
    await eventually(() => expect(events).toEqual(['balance_initial 100']))

    const login = await applicationLogin(database, owner)
    const booking = await startBooking(login)
    expect((await book(booking.url, 'b-1', 30)).status).toBe(201)
    const refused = await book(booking.url, 'b-2', 71)
    expect([refused.status, await refused.json()]).toEqual([
      ...[402, { booked: false, reason: 'insufficient_funds' }],
    ])
    expect((await fetch(`${booking.url}/bookings/b-1`, { method: 'DELETE' })).status).toBe(200)
    expect((await fetch(`${booking.url}/bookings/b-1`, { method: 'DELETE' })).status).toBe(404)
    await eventually(() =>
      expect(events.filter((line) => line.startsWith('balance'))).toEqual([
        ...['balance_initial 100', 'balance_updated 70', 'balance_updated 100'],
      ]),
    )
  })

  test('killed between the booking and the payment, it has made neither', async ({
    database,
    owner,
  }) => {
    await owner`select livebalance.credit('ann', 100)`
    const login = await applicationLogin(database, owner)
    const booking = await startBooking(login)
    const [schema] = new URL(login).username.split(':')
    const bookings = () => owner.unsafe(`select id, paid_by from ${schema}.bookings order by id`)
    const balance = async () => {
      const [row] = await owner`select balance from livebalance.balance('ann')`
      return row?.balance
    }
    const before = await balance()

    // Somebody else has the wallet locked, so the payment waits, while the booking is written.
    const held = await owner.reserve()
    try {
      await held`begin`
      await held`select from wallets where user_id = 'ann' for update`
      const lost = book(booking.url, 'b-3', 10).catch(() => 'lost')
      await eventually(async () =>
        expect(
          await owner`
            select from pg_stat_activity
            where usename = ${schema ?? ''} and wait_event_type = 'Lock'`,
        ).toHaveLength(1),
      )
      booking.child.kill('SIGKILL')
      await once(booking.child, 'exit')
      expect(await lost).toBe('lost')
    } finally {
      await held`rollback`
      held.release()
    }
    await eventually(async () =>
      expect(
        await owner`select from pg_stat_activity where usename = ${schema ?? ''}`,
      ).toHaveLength(0),
    )
    expect(await bookings()).toEqual([])
    expect(await balance()).toBe(before)

    const again = await startBooking(login)
    expect((await book(again.url, 'b-3', 10)).status).toBe(201)
    expect(await bookings()).toMatchObject([{ id: 'b-3', paid_by: expect.any(String) }])
    expect(Number(await balance())).toBe(Number(before) - 10)
  })
})
