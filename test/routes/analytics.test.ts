import { expect } from 'vitest'
import { AnalyticsCounts } from '../../src/ledger/analytics-counts.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { RollUps, rebuild, rollUp } from '../../src/ledger/rollups.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { eventually } from '../support/index.ts'
import { silent } from '../support/ledger/sample.ts'
import {
  admin,
  alice,
  bob,
  foreignAdmin,
  type LedgerApp,
  service,
  test,
} from '../support/routes/ledger-app.ts'

/** Publishes everything, and rolls it up. */
async function settle({ sql }: LedgerApp): Promise<void> {
  await sql`select outbox_acknowledge(array(select id from outbox))`
  await rollUp(sql)
}

/** Where the feed is so long, nothing more is written to it. Default 50,000. */
const limitFeed = (owner: Sql, rows: number) =>
  owner.unsafe(`create or replace function analytics_feed_limit() returns bigint
    language sql immutable as 'select ${rows}'`)

const today = () => new Date().toISOString().slice(0, 10)

const lines = (text: string) => text.trimEnd().split('\r\n')

test('an admin sees what the tenant’s users did, and nothing of another tenant', async ({
  api,
}) => {
  await api.call(bob, 'GET /transactions/balance')
  await api.fund('alice', 100)
  const split = [
    { to: 'bob', amount: 15 },
    { fee: 'platform', share: 1 },
  ]
  const order = { type: 'booking_payment', amount: 20, userId: 'alice', split }
  const { body: paid } = await api.call(service, 'POST /transactions', order)
  await api.call(admin, `POST /transactions/${paid.id}/refund`, { amount: 4 })
  await api.call(alice, 'POST /transactions/hold', { amount: 7, expiresIn: 60 })
  const { body: topup } = await api.call(bob, 'POST /transactions/topup', { amount: 9 })
  await api.call(admin, `PATCH /transactions/topup/${topup.id}/process`, { status: 'failed' })
  await settle(api)

  const { body } = await api.call(admin, 'GET /admin/analytics')
  const items = body.items as { types: { type: string; status: string }[] }[]
  const day = items.at(-1)
  expect(day).toMatchObject({
    users: 2,
    balance: 96,
    held: 7,
    holds: { opened: 1, captured: 0, released: 0 },
  })
  const of = (type: string, status: string) =>
    day?.types.find((one) => one.type === type && one.status === status)
  expect(of('booking_payment', 'success')).toMatchObject({
    ...{ transactions: 1, volume: 20, net: -20, fees: 5, largest: 20, users: 1 },
  })
  expect(of('refund', 'success')).toMatchObject({ volume: 4, net: 4, fees: -1 })
  expect(of('split', 'success')).toMatchObject({ net: 12 })
  expect(of('topup', 'success')).toMatchObject({
    volume: 100,
    waits: { counts: [1, 0, 0, 0, 0, 0, 0, 0, 0] },
  })
  expect(of('topup', 'failed')).toMatchObject({ volume: 9, net: 0, users: 1 })
  expect(items.slice(0, -1).every(({ types }) => types.length === 0)).toBe(true)

  const other = await api.call(foreignAdmin, 'GET /admin/analytics')
  expect(
    other.body.items.every(
      (one: { users: number; balance: number }) => one.users + one.balance === 0,
    ),
  ).toBe(true)
  for (const path of ['movers', 'dormant?since=2999-01-01', 'new-wallets', 'cohorts']) {
    const { body: apart } = await api.call(foreignAdmin, `GET /admin/analytics/${path}`)
    expect(apart.items).toEqual([])
  }
})

test('a file has the same figures, by its name or by what is accepted', async ({ api }) => {
  const byName = await api.call(admin, 'GET /admin/analytics?format=csv')
  const accepted = await api.call(admin, 'GET /admin/analytics', undefined, { Accept: 'text/csv' })
  expect(lines(accepted.text)).toEqual(lines(byName.text))
  expect(byName.headers.get('content-disposition')).toBe('attachment; filename="analytics.csv"')
  const [head, ...rows] = lines(byName.text).map((line) => line.split(','))
  const at = (name: string) => head?.indexOf(name) ?? -1
  const total = rows.filter((row) => row[at('type')] === '').at(-1)
  expect([total?.[at('users')], total?.[at('balance')], total?.[at('held')]]).toEqual([
    '2',
    '96',
    '7',
  ])
  const payments = rows.find((row) => row[at('type')] === 'booking_payment')
  expect(payments?.slice(at('transactions'), at('users') + 1)).toEqual([
    '1',
    '20',
    '-20',
    '5',
    '20',
    '1',
  ])
})

test('movers, dormant and new wallets come in pages', async ({ api }) => {
  const movers = await api.call(admin, 'GET /admin/analytics/movers?limit=1')
  expect(movers.body.items).toMatchObject([{ userId: 'alice', change: 84, balance: 84 }])
  const next = `GET /admin/analytics/movers?limit=1&cursor=${movers.body.nextCursor}`
  expect((await api.call(admin, next)).body.items).toMatchObject([{ userId: 'bob', change: 12 }])
  const file = await api.call(admin, 'GET /admin/analytics/movers?limit=1&format=csv')
  expect(file.headers.get('next-cursor')).toBe(movers.body.nextCursor)
  expect(lines(file.text)[1]).toMatch(/^"alice",84,/)

  for (const path of ['dormant?since=2999-01-01&', 'new-wallets?']) {
    const page = async (search: string) =>
      (await api.call(admin, `GET /admin/analytics/${path}${search}`)).body
    const users = (await page('')).items.map((one: { userId: string }) => one.userId)
    expect([...users].sort()).toEqual(['alice', 'bob'])
    const first = await page('limit=1')
    const second = await page(`limit=1&cursor=${first.nextCursor}`)
    expect([...first.items, ...second.items]).toMatchObject([
      { userId: users[0] },
      { userId: users[1] },
    ])
  }
  expect((await api.call(admin, 'GET /admin/analytics/dormant')).body.items).toEqual([])
})

test('cohorts begin with the first topup', async ({ api }) => {
  const { body } = await api.call(admin, 'GET /admin/analytics/cohorts')
  const month = `${today().slice(0, 7)}-01`
  expect(body.items).toMatchObject([
    { cohort: month, users: 1, periods: [{ from: month, active: 1, volume: 124 }] },
  ])
})

test('a range is rounded outward to whole hours, and says how new the figures are', async ({
  api,
}) => {
  const range = 'from=2026-01-01T05:30:00Z&to=2026-01-01T06:10:00Z&bucket=hour'
  const { body } = await api.call(admin, `GET /admin/analytics?${range}`)
  const ends = body.items.map((item: { from: string; to: string }) => [item.from, item.to])
  expect(ends).toEqual([
    ['2026-01-01T05:00:00.000000Z', '2026-01-01T06:00:00.000000Z'],
    ['2026-01-01T06:00:00.000000Z', '2026-01-01T07:00:00.000000Z'],
  ])
  const before = body.asOf
  await settle(api)
  const later = (await api.call(admin, `GET /admin/analytics?${range}`)).body.asOf
  expect(later > before).toBe(true)
})

test.for([
  ['?timeZone=Mars/Olympus', 'timeZone'],
  ['?timeZone=%2B05:30', 'timeZone'],
  ['?from=2026-02-01&to=2026-01-01', 'from'],
  ['?from=2020-01-01&bucket=hour', 'from'],
  ['?from=1999-01-01', 'from'],
  ['/movers?cursor=--_1', 'cursor'],
  ['/dormant?cursor=2026-13-01T00:00:00.000000Z_1', 'cursor'],
] as const)('a wrong question is refused: %s', async ([search, path], { api }) => {
  const { status, body } = await api.call(admin, `GET /admin/analytics${search}`)
  expect([status, body.code]).toEqual([400, 'invalid_request'])
  expect(body.details.issues[0].path).toBe(path)
})

test('refusals are counted by reason, also if the same counts are written twice', async ({
  api,
}) => {
  const counts = new AnalyticsCounts({ sql: api.sql, log: silent, intervalMs: 3_600_000 })
  const executor = new Executor(api.sql, { observers: [counts] })
  const pay = {
    op: 'payment',
    tenant: 'default',
    actor: 'bob',
    userId: 'bob',
    currency: 'USD',
  } as const
  await executor.execute({ ...pay, amount: 100_000n })
  await executor.execute({ ...pay, op: 'hold', amount: 50_000n, expiresIn: 60 })
  counts.watch(() => [{ tenant: 'default', transport: 'sse', connections: 2, events: 5 }])
  await counts.flush()
  await counts.flush()
  await executor.execute({ ...pay, amount: 200_000n })
  await counts.stop()
  const { body } = await api.call(admin, 'GET /admin/analytics/refusals')
  expect(body.items).toMatchObject([
    { type: 'booking_payment', reason: 'insufficient_funds', refusals: 2, amount: 3000 },
    { type: 'hold', reason: 'insufficient_funds', refusals: 1, amount: 500 },
  ])
  const updates = await api.call(admin, 'GET /admin/analytics/updates')
  expect(updates.body.items).toMatchObject([{ transport: 'sse', events: 5, connections: 2 }])
  const files = await Promise.all(
    ['refusals', 'updates', 'cohorts', 'new-wallets', 'dormant'].map((path) =>
      api.call(admin, `GET /admin/analytics/${path}?format=csv`),
    ),
  )
  expect(lines(files[0]?.text ?? '')[1]).toMatch(/Z,booking_payment,insufficient_funds,2,3000$/)
  for (const file of files) expect(file.headers.get('content-type')).toContain('text/csv')
  for (const path of ['refusals', 'updates']) {
    expect((await api.call(foreignAdmin, `GET /admin/analytics/${path}`)).body.items).toEqual([])
  }
})

test('old counts of several processes are joined, and deleted after 400 days', async ({ api }) => {
  const ago = (days: number) =>
    new Date(Math.floor(Date.now() / 900_000) * 900_000 - days * 86_400_000).toISOString()
  const owner = await api.owner()
  const of = (process: string, at: string) => ({
    ...{ at, process, tenant: 'default', name: 'connections', label: 'old', currency: '' },
    ...{ count: 3, amount: '0' },
  })
  const one = '11111111-1111-4111-8111-111111111111'
  const other = '22222222-2222-4222-8222-222222222222'
  const write = (...rows: unknown[]) =>
    owner`select analytics_count(${JSON.stringify(rows)}::text::json)`
  await write(of(one, ago(2)), of(other, ago(2)), of(one, ago(401)), of(one, ago(0.5)))
  const counted = async () => {
    const rows = await owner<{ count: string; rows: number }[]>`
      select sum(count) as count, count(*)::int as rows from analytics_counts where label = 'old'
      group by at order by at`
    return rows.map(({ count, rows }) => [Number(count), rows])
  }
  expect(await counted()).toEqual([
    [3, 1],
    [6, 2],
    [3, 1],
  ])
  await rebuild(api.sql)
  expect(await counted()).toEqual([
    [6, 1],
    [3, 1],
  ])
  // A third process was late.
  await write(of('33333333-3333-4333-8333-333333333333', ago(2)))
  await rebuild(api.sql)
  expect((await counted())[0]).toEqual([9, 1])
  const { body } = await api.call(admin, `GET /admin/analytics/updates?from=${ago(3)}`)
  const old = body.items.filter((item: { transport: string }) => item.transport === 'old')
  const total = old.reduce(
    (sum: number, item: { connections: number }) => sum + item.connections,
    0,
  )
  expect(total).toBe(12)
  await owner`delete from analytics_counts where label = 'old'`
})

test('a rebuild while payments go on leaves the same figures', async ({ api }) => {
  const figures = async () => (await api.call(admin, 'GET /admin/analytics')).body.items.at(-1)
  const before = await figures()
  const steps: number[] = []
  const paying = (async () => {
    for (let i = 0; i < 20; i++) {
      await api.call(alice, 'POST /transactions', { type: 'booking_payment', amount: 0.5 })
    }
  })()
  await rebuild(api.sql, { onStep: (done) => steps.push(done) })
  await paying
  await settle(api)
  expect(steps.length).toBeGreaterThan(0)
  expect(await figures()).toMatchObject({ balance: before.balance - 10, users: before.users })
  const owner = await api.owner()
  expect([...(await owner`select problem from audit_rollups('default')`)]).toEqual([])
  const [old] = await owner`
    select count(*)::int as rows from analytics_days where generation <> analytics_generation()`
  expect(old?.rows).toBe(0)
})

test('what nobody takes does not pile up, and is found once somebody rolls up again', async ({
  api,
}) => {
  await settle(api)
  const owner = await api.owner()
  const waiting = async () =>
    (await owner`select count(*)::int as rows from analytics_feed`)[0]?.rows
  const balance = async () =>
    (await api.call(admin, 'GET /admin/analytics')).body.items.at(-1).balance
  const before = await balance()
  await limitFeed(owner, 2)
  for (const userId of ['alice', 'bob', 'alice', 'bob', 'new', 'newer']) {
    await api.fund(userId, 2)
    await owner`select outbox_acknowledge(array(select id from outbox))`
  }
  expect(await waiting()).toBe(2)
  const steps: number[] = []
  do {
    const [row] = await api.sql<{ taken: number }[]>`select analytics_step(1) as taken`
    steps.push(row?.taken ?? 0)
  } while (steps.at(-1) !== 0)
  expect(await balance()).toBe(before + 12)
  expect((await owner`select behind from analytics_state`)[0]?.behind).toBe(false)
  await limitFeed(owner, 50_000)
})

test('what is noted while a step looks for what was noted before is found by the next one', async ({
  api,
}) => {
  await settle(api)
  const owner = await api.owner()
  const acknowledge = async () =>
    void (await api.sql`select outbox_acknowledge(array(select id from outbox))`)
  const step = async () =>
    (await api.sql<{ taken: number }[]>`select analytics_step(100) as taken`)[0]?.taken
  const balance = async () =>
    (await api.call(admin, 'GET /admin/analytics')).body.items.at(-1).balance
  const waiters = async (sql: Sql) => {
    const rows = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    return rows.length
  }
  const before = await balance()
  await limitFeed(owner, -1_000_000)
  await api.fund('alice', 2)
  await acknowledge()
  let stepping: Promise<unknown> | undefined
  let noting: Promise<unknown> | undefined
  await owner.begin(async (tx) => {
    // The step has looked, and now cannot write.
    await tx`lock table analytics_days in share mode`
    stepping = step()
    await eventually(async () => expect(await waiters(tx as unknown as Sql)).toBe(1))
    await api.fund('bob', 3)
    let isNoted = false
    noting = acknowledge().then(() => {
      isNoted = true
    })
    await eventually(async () =>
      expect(isNoted || (await waiters(tx as unknown as Sql)) === 2).toBe(true),
    )
  })
  await Promise.all([stepping, noting])
  for (let taken: unknown = 1; taken !== 0; ) taken = await step()
  expect(await balance()).toBe(before + 5)
  await limitFeed(owner, 50_000)
})

test('a hold that is extended after it was rolled up is one hold, with its newest amount', async ({
  api,
}) => {
  const figures = async () => {
    await settle(api)
    const { body } = await api.call(admin, 'GET /admin/analytics?currency=JPY')
    const { held, holds, types } = body.items.at(-1)
    const opened = types.find((one: { status: string }) => one.status === 'pending')
    return { held, holds, volume: opened?.volume }
  }
  await api.fund('alice', 500, 'JPY')
  const hold = { amount: 70, currency: 'JPY', expiresIn: 60, userId: 'alice' }
  const { body } = await api.call(service, 'POST /transactions/hold', hold)
  const holds = { opened: 1, captured: 0, released: 0 }
  expect(await figures()).toEqual({ held: 70, holds, volume: 70 })
  await api.call(service, `POST /transactions/hold/${body.id}/extend`, { amount: 30 })
  expect(await figures()).toEqual({ held: 100, holds, volume: 100 })
  await api.call(service, `POST /transactions/hold/${body.id}/capture`, { amount: 40 })
  expect(await figures()).toEqual({ held: 0, holds: { ...holds, captured: 1 }, volume: 100 })
})

test('a wallet that never had an entry is neither dormant nor new', async ({ api }) => {
  const topup = await api.call(service, 'POST /transactions/topup', { amount: 9 })
  expect(topup.status).toBe(201)
  await settle(api)
  for (const path of ['dormant?since=2999-01-01', 'new-wallets']) {
    const { body } = await api.call(admin, `GET /admin/analytics/${path}`)
    const users = body.items.map((item: { userId: string }) => item.userId)
    expect(users).not.toContain('booking')
    expect(users).toContain('alice')
  }
})

test('an interrupted rebuild changes nothing', async ({ api }) => {
  const owner = await api.owner()
  const generation = async () =>
    (await owner`select generation, building from analytics_state`)[0]?.generation
  const before = await generation()
  const stop = new AbortController()
  await rebuild(api.sql, { signal: stop.signal, onStep: () => stop.abort() })
  expect(await generation()).toBe(before)
  expect([...(await owner`select problem from audit_rollups('default')`)]).toEqual([])
})

test('they build themselves where nothing is built, and where events are gone that they did not have', async ({
  api,
}) => {
  const owner = await api.owner()
  const lines: string[] = []
  const log = { warn: (_: unknown, text = '') => lines.push(text), info: () => {} }
  const figures = async () => (await api.call(admin, 'GET /admin/analytics')).body.items?.at(-1)
  await settle(api)
  const before = await figures()
  const rounds = new RollUps({ sql: api.sql, log: log as never, intervalMs: 10 })
  try {
    await owner`truncate analytics_days, analytics_buckets, analytics_users, analytics_cohorts,
      analytics_cohort_periods, analytics_open, analytics_cursors`
    await owner`update analytics_state set generation = 0, rolled_at = null, building = null,
      build_id = null, build_seen_at = null`
    rounds.start()
    await eventually(async () => expect(await figures()).toEqual(before))
    await rounds.stop()
    await api.call(alice, 'POST /transactions', { type: 'booking_payment', amount: 1 })
    await owner`select outbox_acknowledge(array(select id from outbox))`
    await owner`delete from event_rows`
    const again = new RollUps({ sql: api.sql, log: log as never, intervalMs: 10 })
    again.start()
    await eventually(async () =>
      expect(await figures()).toMatchObject({ balance: before.balance - 1 }),
    )
    await again.stop()
    expect(lines).toContain('the roll-ups miss events that are gone, and are rebuilt')
  } finally {
    await rounds.stop()
  }
})

test('before they are built for the first time, the answer is to come later', async ({ api }) => {
  const owner = await api.owner()
  const [state] = await owner`select generation, rolled_at from analytics_state`
  await owner`update analytics_state set generation = 0, rolled_at = null`
  const { status, body, headers } = await api.call(admin, 'GET /admin/analytics')
  expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'unavailable', '10'])
  await owner`update analytics_state set generation = ${state?.generation}, rolled_at = ${state?.rolled_at}`
})
