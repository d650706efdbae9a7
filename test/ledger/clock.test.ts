import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { LimitsAndAlerts } from '../../src/ledger/limits-and-alerts.ts'
import { HoldExpiry } from '../../src/ledger/maintenance.ts'
import { eventually } from '../support/index.ts'
import { openSample, type Sample, silent, tenant, USD } from '../support/ledger/sample.ts'

let ledger: Sample
beforeAll(async () => {
  ledger = await openSample()
})
afterAll(() => ledger?.close())

/** The database's clock, as far as the ledger asks it: off by some seconds. */
const setClock = (seconds: number) =>
  ledger.owner.unsafe(`
  create or replace function ledger_clock() returns timestamptz language sql volatile as $$
    select clock_timestamp() + interval '${seconds} seconds'
  $$`)
const DAY = 86_400
afterEach(() => setClock(0))

async function whileAhead<T>(act: () => Promise<T>): Promise<T> {
  await setClock(DAY)
  try {
    return await act()
  } finally {
    await setClock(0)
  }
}
/** By the database's clock: one of milliseconds may stand before what was written in the same millisecond. */
const now = async () => {
  const [row] = await ledger.owner<
    { now: string }[]
  >`select to_json(clock_timestamp()) #>> '{}' as now`
  return row?.now ?? ''
}
const soon = () => Date.now() + 3_600_000

const pay = (userId: string, amount: bigint) => ledger.run({ op: 'payment', userId, amount })

test('a wallet that was last changed by a clock that was ahead concerns no other one, and is dated by the clock of now', async () => {
  for (const userId of ['xen', 'bob', 'cid']) await ledger.fund(userId, 1_000n)
  await ledger.owner`
    update wallets set changed_at = clock_timestamp() + interval '1 day' where user_id = 'xen'`
  await new LimitsAndAlerts(ledger.sql).putLimit({
    ...{ tenant, userId: 'bob', type: 'booking_payment', currency: USD },
    ...{ maxAmount: null, maxSum: 100n, windowSeconds: 3_600 },
  })
  expect(await pay('bob', 100n)).toMatchObject({ ok: true })
  const hold = await ledger.accepted({ op: 'hold', userId: 'bob', amount: 50n, expiresIn: 3_600 })

  // The first goes by itself; those that come meanwhile share the next batch.
  const [, ahead, overLimit, captured, later] = await Promise.all([
    pay('xen', 1n),
    pay('xen', 1n),
    pay('bob', 100n),
    ledger.run({ op: 'hold_capture', actor: 'service', transactionId: hold.id }),
    pay('cid', 1n),
  ])
  expect(overLimit).toMatchObject({ code: 'limit_exceeded' })
  const at = (outcome: typeof ahead) =>
    outcome?.ok ? Date.parse(outcome.transaction.updatedAt) : Number.NaN
  const tomorrow = Date.now() + 23 * 3_600_000
  for (const outcome of [ahead, captured, later]) expect(at(outcome)).toBeLessThan(tomorrow)
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})

test('after a payment that a clock dated ahead, the next change is dated by the clock of now, and the receiver of a transfer too', async () => {
  await ledger.fund('ann', 1_000n)
  await ledger.fund('ben', 1_000n)
  await whileAhead(() => ledger.accepted({ op: 'payment', userId: 'ann', amount: 1n }))
  const sent = await ledger.accepted({ op: 'transfer', userId: 'ann', toUserId: 'ben', amount: 5n })
  const bens = await ledger.accepted({ op: 'payment', userId: 'ben', amount: 1n })
  for (const { createdAt, updatedAt } of [sent, bens]) {
    expect(Date.parse(createdAt)).toBeLessThan(soon())
    expect(Date.parse(updatedAt)).toBeLessThan(soon())
  }
  const { items } = await ledger.reader.transactions({ tenant, userId: 'ben', limit: 10 })
  for (const { createdAt } of items) expect(Date.parse(createdAt)).toBeLessThan(soon())
  // Events are in the order of what happened, whatever their times say.
  expect((await ledger.eventsOf('ann')).map(([seq, , balance]) => [seq, balance])).toEqual([
    ...[
      [1, 1_000n],
      [2, 1_000n],
      [3, 999n],
      [4, 999n],
      [5, 994n],
      [6, 994n],
    ],
  ])
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})

test('a hold of 2 s expires after 2 s, though the payment before it was dated ahead, also a receiver’s', async () => {
  for (const userId of ['cat', 'dan']) await ledger.fund(userId, 1_000n)
  await whileAhead(() =>
    ledger.accepted({ op: 'transfer', userId: 'cat', toUserId: 'dan', amount: 1n }),
  )
  const expiry = new HoldExpiry({
    sql: ledger.sql,
    executor: ledger.executor,
    log: silent,
    every: 50,
  })
  expiry.start()
  try {
    for (const userId of ['cat', 'dan']) {
      const { id } = await ledger.accepted({ op: 'hold', userId, amount: 100n, expiresIn: 2 })
      const [hold] = await ledger.owner`
        select expires_at - created_at = interval '2 s' as as_asked,
          expires_at < clock_timestamp() + interval '3 s' as is_near
        from transactions where id = ${id}`
      expect(hold).toEqual({ as_asked: true, is_near: true })
      await eventually(async () =>
        expect(await ledger.reader.transaction(tenant, id)).toMatchObject({ status: 'expired' }),
      )
      expect((await ledger.stateOf(userId)).held).toBe(0n)
    }
  } finally {
    await expiry.stop()
  }
})

test('a hold cannot be captured once its time is over, by the clock of now', async () => {
  await ledger.fund('eve', 1_000n)
  await whileAhead(() => pay('eve', 1n))
  const { id } = await ledger.accepted({ op: 'hold', userId: 'eve', amount: 100n, expiresIn: 60 })
  await setClock(61)
  expect(
    await ledger.run({ op: 'hold_capture', actor: 'service', transactionId: id }),
  ).toMatchObject({ code: 'hold_expired' })
})

test('?at=now and ?to=now have the newest, also where a clock that was ahead dated it', async () => {
  const fay = { tenant, userId: 'fay' }
  await ledger.fund('fay', 1_000n)
  const before = await now()
  const ahead = await whileAhead(() =>
    ledger.accepted({ op: 'payment', userId: 'fay', amount: 1n }),
  )
  const idsTo = async (to: string, query: { tenant: string; userId?: string } = fay) =>
    (await ledger.reader.transactions({ ...query, to, limit: 10 })).items.map(({ id }) => id)
  expect(await ledger.reader.balanceAt(fay, USD, await now())).toBe(999n)
  expect(await idsTo(await now())).toContain(ahead.id)
  expect(await idsTo(await now(), { tenant })).toContain(ahead.id)

  const next = await ledger.accepted({ op: 'payment', userId: 'fay', amount: 10n })
  expect(await ledger.reader.balanceAt(fay, USD, await now())).toBe(989n)
  expect(await ledger.reader.balanceAt(fay, USD, next.createdAt)).toBe(989n)
  expect(await idsTo(await now())).toEqual(expect.arrayContaining([ahead.id, next.id]))
  expect(await ledger.reader.balanceAt(fay, USD, '2020-01-01T00:00:00Z')).toBe(0n)
  // In a list that ends before, it is not: something that is dated rightly came after that.
  expect(await idsTo(before)).not.toContain(ahead.id)

  // When its date has come, what came after it is still after it.
  await setClock(2 * DAY)
  const tomorrow = new Date(Date.now() + DAY * 1_000 + 60_000).toISOString()
  expect(await ledger.reader.balanceAt(fay, USD, tomorrow)).toBe(989n)
})

test('the window of a limit is that of now: a payment that was dated ahead leaves it with the others', async () => {
  const limit = {
    type: 'booking_payment',
    currency: USD,
    maxAmount: null,
    windowSeconds: 60,
  } as const
  await ledger.fund('gus', 1_000n)
  await new LimitsAndAlerts(ledger.sql).putLimit({
    tenant,
    userId: 'gus',
    ...limit,
    maxSum: 100n,
  })
  expect(await whileAhead(() => pay('gus', 60n))).toMatchObject({ ok: true })
  expect(await pay('gus', 41n)).toMatchObject({ code: 'limit_exceeded', details: { maximum: 40n } })
  expect(await pay('gus', 40n)).toMatchObject({ ok: true })
  expect(await pay('gus', 1n)).toMatchObject({ code: 'limit_exceeded' })
  await setClock(61)
  expect(await pay('gus', 100n)).toMatchObject({ ok: true })
  expect(await pay('gus', 1n)).toMatchObject({ code: 'limit_exceeded', details: { maximum: 0n } })
})

test('a balance at any time is that after the newest entry that is not later, whatever the clock did', async () => {
  const hal = { tenant, userId: 'hal' }
  const offsets = [0, 10, 20, 5, 6, 7, 100, 101, 102, 103, 50, 60, 1, 2, 3, 90, 91, 150, 30, 4]
  for (const offset of offsets) {
    await setClock(offset - 1_000)
    await ledger.fund('hal', 1n)
  }
  await setClock(0)
  const entries = await ledger.owner<{ at: string; balance: string }[]>`
    select to_json(created_at) #>> '{}' as at, new_balance as balance from wallet_entries
    where user_id = 'hal' order by version`
  expect(entries).toHaveLength(offsets.length)
  for (const { at } of entries) {
    for (const moment of [at, new Date(Date.parse(at) - 500).toISOString()]) {
      // Text of one zone sorts by time.
      const newest = entries.filter((entry) => Date.parse(entry.at) <= Date.parse(moment)).at(-1)
      expect(await ledger.reader.balanceAt(hal, USD, moment)).toBe(BigInt(newest?.balance ?? 0))
    }
  }
  expect(await ledger.reader.balanceAt(hal, USD, await now())).toBe(BigInt(offsets.length))
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})

test('money goes both ways between a wallet that a clock dated ahead and others, and all of it is proven', async () => {
  const jan = { tenant, userId: 'jan' }
  for (const userId of ['jan', 'kim']) await ledger.fund(userId, 1_000n)
  const [paid, topup, hold] = await whileAhead(async () => [
    await ledger.accepted({ op: 'payment', userId: 'jan', amount: 100n }),
    await ledger.accepted({ op: 'topup_request', userId: 'jan', amount: 30n }),
    await ledger.accepted({ op: 'hold', userId: 'jan', amount: 50n, expiresIn: 3_600 }),
  ])
  const later = [
    await ledger.accepted({ op: 'transfer', userId: 'kim', toUserId: 'jan', amount: 5n }),
    await ledger.accepted({ op: 'transfer', userId: 'jan', toUserId: 'kim', amount: 7n }),
    await ledger.accepted({ op: 'topup_process', transactionId: topup.id, status: 'success' }),
    await ledger.accepted({ op: 'hold_capture', transactionId: hold.id, amount: 20n }),
    await ledger.accepted({ op: 'refund', transactionId: paid.id, amount: 40n }),
  ]
  for (const { updatedAt } of later) expect(Date.parse(updatedAt)).toBeLessThan(soon())
  expect(await ledger.auditor.recalculate(jan, USD)).toMatchObject({ corrected: false })
  await pay('jan', 8n)
  expect(await ledger.stateOf('jan')).toEqual({ balance: 940n, held: 0n })
  expect(await ledger.stateOf('kim')).toEqual({ balance: 1_002n, held: 0n })

  const events = await ledger.eventsOf('jan')
  expect(events.map(([seq]) => seq)).toEqual(events.map((_, i) => i + 1))
  const balances = events.filter(([, event]) => event === 'balance_updated')
  expect(balances.map(([, , balance]) => balance)).toEqual([
    1_000n,
    900n,
    905n,
    898n,
    928n,
    908n,
    948n,
    948n,
    940n,
  ])
  const series = await ledger.reader.balanceSeries(jan, USD, { points: 5 })
  expect(series.at(-1)).toMatchObject({ balance: 940n })
  for (const { at } of series) expect(Date.parse(at)).toBeLessThan(soon())

  // Page by page, in both orders, each is listed once.
  for (const order of ['asc', 'desc'] as const) {
    const ids: string[] = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = { ...jan, limit: 2, order, ...(cursor !== undefined && { cursor }) }
      const { items, nextCursor } = await ledger.reader.transactions(page)
      ids.push(...items.map(({ id }) => id))
      cursor = nextCursor
    }
    expect([ids.length, new Set(ids).size]).toEqual([8, 8])
  }
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})

test('what was claimed by a clock that was ahead is not claimed until tomorrow', async () => {
  await ledger.owner`delete from outbox`
  await whileAhead(() => ledger.fund('ida', 1n))
  expect((await ledger.store.claim(10, 10_000)).flatMap(({ events }) => events)).toMatchObject([
    { userId: 'ida', seq: 1 },
    { userId: 'ida', seq: 2 },
  ])

  const claim = (lease: string) => ledger.sql<{ mine: boolean }[]>`
    select mine from claim_key(${tenant}, 'ida', 'k', ${'h'}, gen_random_uuid(), ${lease}::text::interval)`
  expect(await whileAhead(() => claim('10 s'))).toEqual([{ mine: true }])
  expect(await claim('10 s')).toEqual([{ mine: true }])
})
