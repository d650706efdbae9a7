import { expect } from 'vitest'
import { DAY_SECONDS, test } from '../support/ledger/clock.ts'
import { tenant, USD } from '../support/ledger/sample.ts'

const soon = () => Date.now() + 3_600_000

test('?at=now and ?to=now have the newest, also where a clock that was ahead dated it', async ({
  ledger,
  clock,
}) => {
  const fay = { tenant, userId: 'fay' }
  await ledger.fund('fay', 1_000n)
  const before = await clock.now()
  const ahead = await clock.whileAhead(() =>
    ledger.accepted({ op: 'payment', userId: 'fay', amount: 1n }),
  )
  const idsTo = async (to: string, query: { tenant: string; userId?: string } = fay) =>
    (await ledger.reader.transactions({ ...query, to, limit: 10 })).items.map(({ id }) => id)
  expect(await ledger.reader.balanceAt(fay, USD, await clock.now())).toBe(999n)
  expect(await idsTo(await clock.now())).toContain(ahead.id)
  expect(await idsTo(await clock.now(), { tenant })).toContain(ahead.id)

  const next = await ledger.accepted({ op: 'payment', userId: 'fay', amount: 10n })
  expect(await ledger.reader.balanceAt(fay, USD, await clock.now())).toBe(989n)
  expect(await ledger.reader.balanceAt(fay, USD, next.createdAt)).toBe(989n)
  expect(await idsTo(await clock.now())).toEqual(expect.arrayContaining([ahead.id, next.id]))
  expect(await ledger.reader.balanceAt(fay, USD, '2020-01-01T00:00:00Z')).toBe(0n)
  // In a list that ends before, it is not: something that is dated rightly came after that.
  expect(await idsTo(before)).not.toContain(ahead.id)

  // When its date has come, what came after it is still after it.
  await clock.set(2 * DAY_SECONDS)
  const tomorrow = new Date(Date.now() + DAY_SECONDS * 1_000 + 60_000).toISOString()
  expect(await ledger.reader.balanceAt(fay, USD, tomorrow)).toBe(989n)
})

test('a balance at any time is that after the newest entry that is not later, whatever the clock did', async ({
  ledger,
  clock,
}) => {
  const hal = { tenant, userId: 'hal' }
  const offsets = [0, 10, 20, 5, 6, 7, 100, 101, 102, 103, 50, 60, 1, 2, 3, 90, 91, 150, 30, 4]
  for (const offset of offsets) {
    await clock.set(offset - 1_000)
    await ledger.fund('hal', 1n)
  }
  await clock.set(0)
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
  expect(await ledger.reader.balanceAt(hal, USD, await clock.now())).toBe(BigInt(offsets.length))
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})

test('money goes both ways between a wallet that a clock dated ahead and others, and all of it is proven', async ({
  ledger,
  clock,
}) => {
  const jan = { tenant, userId: 'jan' }
  for (const userId of ['jan', 'kim']) await ledger.fund(userId, 1_000n)
  const [paid, topup, hold] = await clock.whileAhead(async () => [
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
  await ledger.accepted({ op: 'payment', userId: 'jan', amount: 8n })
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
