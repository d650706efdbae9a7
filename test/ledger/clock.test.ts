import { expect } from 'vitest'
import { HoldExpiry } from '../../src/ledger/maintenance.ts'
import { eventually } from '../support/index.ts'
import { test } from '../support/ledger/clock.ts'
import { type Sample, silent, tenant, USD } from '../support/ledger/sample.ts'

const soon = () => Date.now() + 3_600_000

const pay = (ledger: Sample, userId: string, amount: bigint) =>
  ledger.run({ op: 'payment', userId, amount })

test('a wallet that was last changed by a clock that was ahead concerns no other one, and is dated by the clock of now', async ({
  ledger,
}) => {
  for (const userId of ['xen', 'bob', 'cid']) await ledger.fund(userId, 1_000n)
  await ledger.owner`
    update wallets set changed_at = clock_timestamp() + interval '1 day' where user_id = 'xen'`
  await ledger.limitsAndAlerts.putLimit({
    ...{ tenant, userId: 'bob', type: 'booking_payment', currency: USD },
    ...{ maxAmount: null, maxSum: 100n, windowSeconds: 3_600 },
  })
  expect(await pay(ledger, 'bob', 100n)).toMatchObject({ ok: true })
  const hold = await ledger.accepted({ op: 'hold', userId: 'bob', amount: 50n, expiresIn: 3_600 })

  // The first goes by itself; those that come meanwhile share the next batch.
  const [, ahead, overLimit, captured, later] = await Promise.all([
    pay(ledger, 'xen', 1n),
    pay(ledger, 'xen', 1n),
    pay(ledger, 'bob', 100n),
    ledger.run({ op: 'hold_capture', actor: 'service', transactionId: hold.id }),
    pay(ledger, 'cid', 1n),
  ])
  expect(overLimit).toMatchObject({ code: 'limit_exceeded' })
  const at = (outcome: typeof ahead) =>
    outcome?.ok ? Date.parse(outcome.transaction.updatedAt) : Number.NaN
  const tomorrow = Date.now() + 23 * 3_600_000
  for (const outcome of [ahead, captured, later]) expect(at(outcome)).toBeLessThan(tomorrow)
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})

test('after a payment that a clock dated ahead, the next change is dated by the clock of now, and the receiver of a transfer too', async ({
  ledger,
  clock,
}) => {
  await ledger.fund('ann', 1_000n)
  await ledger.fund('ben', 1_000n)
  await clock.whileAhead(() => ledger.accepted({ op: 'payment', userId: 'ann', amount: 1n }))
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

test('a hold of 2 s expires after 2 s, though the payment before it was dated ahead, also a receiver’s', async ({
  ledger,
  clock,
}) => {
  for (const userId of ['cat', 'dan']) await ledger.fund(userId, 1_000n)
  await clock.whileAhead(() =>
    ledger.accepted({ op: 'transfer', userId: 'cat', toUserId: 'dan', amount: 1n }),
  )
  const expiry = new HoldExpiry({
    sql: ledger.sql,
    executor: ledger.executor,
    log: silent,
    intervalMs: 50,
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

test('a hold cannot be captured once its time is over, by the clock of now', async ({
  ledger,
  clock,
}) => {
  await ledger.fund('eve', 1_000n)
  await clock.whileAhead(() => pay(ledger, 'eve', 1n))
  const { id } = await ledger.accepted({ op: 'hold', userId: 'eve', amount: 100n, expiresIn: 60 })
  await clock.set(61)
  expect(
    await ledger.run({ op: 'hold_capture', actor: 'service', transactionId: id }),
  ).toMatchObject({ code: 'hold_expired' })
})

test('the window of a limit is that of now: a payment that was dated ahead leaves it with the others', async ({
  ledger,
  clock,
}) => {
  const limit = {
    type: 'booking_payment',
    currency: USD,
    maxAmount: null,
    windowSeconds: 60,
  } as const
  await ledger.fund('gus', 1_000n)
  await ledger.limitsAndAlerts.putLimit({
    tenant,
    userId: 'gus',
    ...limit,
    maxSum: 100n,
  })
  expect(await clock.whileAhead(() => pay(ledger, 'gus', 60n))).toMatchObject({ ok: true })
  expect(await pay(ledger, 'gus', 41n)).toMatchObject({
    code: 'limit_exceeded',
    details: { maximum: 40n },
  })
  expect(await pay(ledger, 'gus', 40n)).toMatchObject({ ok: true })
  expect(await pay(ledger, 'gus', 1n)).toMatchObject({ code: 'limit_exceeded' })
  await clock.set(61)
  expect(await pay(ledger, 'gus', 100n)).toMatchObject({ ok: true })
  expect(await pay(ledger, 'gus', 1n)).toMatchObject({
    code: 'limit_exceeded',
    details: { maximum: 0n },
  })
})

test('what was claimed by a clock that was ahead is not claimed until tomorrow', async ({
  ledger,
  clock,
}) => {
  await ledger.owner`delete from outbox`
  await clock.whileAhead(() => ledger.fund('ida', 1n))
  expect((await ledger.store.claim(10, 10_000)).flatMap(({ events }) => events)).toMatchObject([
    { userId: 'ida', seq: 1 },
    { userId: 'ida', seq: 2 },
  ])

  const claim = (lease: string) => ledger.sql<{ mine: boolean }[]>`
    select mine from claim_key(${tenant}, 'ida', 'k', ${'h'}, gen_random_uuid(), ${lease}::text::interval)`
  expect(await clock.whileAhead(() => claim('10 s'))).toEqual([{ mine: true }])
  expect(await claim('10 s')).toEqual([{ mine: true }])
})
