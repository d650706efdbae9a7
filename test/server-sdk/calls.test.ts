import { expect, expectTypeOf } from 'vitest'
import {
  createServiceClient,
  LivebalanceError,
  type ServiceClient,
  type Transaction,
} from '../../src/server-sdk/index.ts'
import { test as base } from '../support/client/fixtures.ts'
import { mintToken } from '../support/index.ts'

const test = base
  .extend('clientFor', ({ server }) => async (sub: string, ...roles: string[]) => {
    const token = await mintToken({ sub, roles })
    return createServiceClient({ url: server.url, token })
  })
  .extend('shop', ({ clientFor }) => clientFor('shop', 'service'))
  .extend('admin', ({ clientFor }) => clientFor('ada', 'admin'))
  /** A user who has 100. */
  .extend('payer', async ({ server, user }) => {
    await server.fund(user, 100)
    return user
  })

const left = async (admin: ServiceClient, userId: string) =>
  (await admin.balance({ userId })).balance

test('a payment, and its refund in part and in full', async ({ shop, admin, payer }) => {
  const payment = await shop.pay({
    ...{ userId: payer, amount: 30, referenceId: 'A-1', metadata: { room: '12' } },
  })
  expectTypeOf(payment).toEqualTypeOf<Transaction>()
  expectTypeOf(payment.amount).toEqualTypeOf<number>()
  expect(payment).toMatchObject({ amount: -30, newBalance: 70, status: 'success' })
  expect(await shop.refund(payment.id, { amount: '10.50' })).toMatchObject({ amount: 10.5 })
  expect(await shop.refund(payment.id)).toMatchObject({ amount: 19.5, newBalance: 100 })
  await expect(shop.refund(payment.id)).rejects.toMatchObject({
    code: 'refund_exceeds_payment',
    status: 422,
  })
  expect(await left(admin, payer)).toBe(100)
})

test('a refusal is an error with a code of the closed set, and says what is missing', async ({
  shop,
  payer,
}) => {
  const error = await shop.pay({ userId: payer, amount: 130 }).catch((reason) => reason)
  expect(error).toBeInstanceOf(LivebalanceError)
  expect(error).toMatchObject({
    code: 'insufficient_funds',
    status: 402,
    details: { requiredAmount: 130, currentBalance: 100, shortfall: 30 },
    requestId: expect.any(String),
  })
  // @ts-expect-error there is no such code
  expect((error as LivebalanceError).code === 'no_such_code').toBe(false)
})

test('the same key and input move money once; another input is refused', async ({
  shop,
  admin,
  payer,
}) => {
  const key = { idempotencyKey: `booking-${payer}` }
  const first = await shop.pay({ userId: payer, amount: 10 }, key)
  expect(await shop.pay({ userId: payer, amount: 10 }, key)).toEqual(first)
  await expect(shop.pay({ userId: payer, amount: 11 }, key)).rejects.toMatchObject({
    code: 'idempotency_key_reused',
  })
  expect(await left(admin, payer)).toBe(90)
})

test('a hold is captured in part, or released', async ({ shop, admin, payer }) => {
  const hold = await shop.hold({ userId: payer, amount: 40, expiresIn: 60 })
  expect(await admin.balance({ userId: payer })).toMatchObject({ held: 40, available: 60 })
  expect(await shop.canAfford({ userId: payer, amount: 80 })).toMatchObject({
    ok: false,
    reason: 'hold',
    available: 60,
  })
  expect(await shop.capture(hold.id, { amount: 15 })).toMatchObject({ amount: -15 })
  const other = await shop.hold({ userId: payer, amount: 40 })
  expect(await shop.release(other.id)).toMatchObject({ status: 'cancelled' })
  expect(await admin.balance({ userId: payer })).toMatchObject({ balance: 85, held: 0 })
})

test('topups and withdrawals are requested by a user and settled by an admin', async ({
  clientFor,
  admin,
  user,
}) => {
  const client = await clientFor(user)
  const topup = await client.requestTopup({ amount: 50 })
  expect(await admin.settleTopup(topup.id, { status: 'success' })).toMatchObject({ newBalance: 50 })
  const withdrawal = await client.requestWithdrawal({ amount: 20 })
  const settled = await admin.settleWithdrawal(withdrawal.id, { status: 'success' })
  expect(settled).toMatchObject({ newBalance: 30, processedBy: 'ada' })
  const { id } = await client.requestTopup({ amount: 1 })
  expect(await client.cancelTopup(id)).toMatchObject({ status: 'cancelled' })
  expect(await client.balance()).toMatchObject({ balance: 30, available: 30 })
  expect((await client.balances()).items).toMatchObject([{ currency: 'USD', balance: 30 }])
  expect(await client.balanceAt(topup.createdAt)).toMatchObject({ balance: 0 })
})

test('a dry run decides and changes nothing', async ({ shop, admin, payer }) => {
  const asked = { userId: payer, amount: 30, dryRun: true }
  expect(await shop.pay(asked)).toMatchObject({ newBalance: 70 })
  await expect(shop.pay({ ...asked, amount: 130 })).rejects.toMatchObject({
    code: 'insufficient_funds',
  })
  expect(await left(admin, payer)).toBe(100)
})

test('a bulk has a result for each command', async ({ shop, admin, payer }) => {
  const commands = [30, 130, 20].map(
    (amount) => ({ type: 'booking_payment', userId: payer, amount }) as const,
  )
  const { results } = await shop.bulk({ commands })
  expect(results).toMatchObject([
    { transaction: { newBalance: 70 } },
    { code: 'insufficient_funds', details: { shortfall: 60 } },
    { transaction: { newBalance: 50 } },
  ])
  const none = await shop.bulk({ commands, atomic: true })
  expect(none.results).toMatchObject([
    { code: 'bulk_aborted' },
    { code: 'insufficient_funds' },
    { code: 'bulk_aborted' },
  ])
  expect(await left(admin, payer)).toBe(50)
})

test('a transfer', async ({ clientFor, admin, payer }) => {
  const receiver = await clientFor(`${payer}/receiver`)
  await receiver.balance()
  const sender = await clientFor(payer)
  await sender.transfer({ toUserId: `${payer}/receiver`, amount: 25 })
  expect([await left(admin, payer), (await receiver.balance()).balance]).toEqual([75, 25])
  expect(await admin.verify(`${payer}/receiver`)).toMatchObject({ isAccurate: true })
})

test('a list gives its first page, or every item of all pages', async ({ shop, admin, payer }) => {
  for (let i = 0; i < 5; i += 1) {
    const [referenceId, metadata] = [`order-${i}`, { parity: String(i % 2) }]
    await shop.pay({ userId: payer, amount: 1, referenceId, metadata })
  }
  const query = { userId: payer, type: 'booking_payment', order: 'asc' } as const
  const page = await admin.transactions({ ...query, limit: 2 })
  expectTypeOf(page.items).toEqualTypeOf<Transaction[]>()
  expect(page.items.map(({ referenceId }) => referenceId)).toEqual(['order-0', 'order-1'])
  const rest = await admin.transactions({ ...query, cursor: page.nextCursor ?? '' })
  expect(rest.items).toHaveLength(3)

  const all: (string | null)[] = []
  for await (const { referenceId } of admin.transactions({ ...query, limit: 2 })) {
    all.push(referenceId)
  }
  expect(all).toEqual(['order-0', 'order-1', 'order-2', 'order-3', 'order-4'])
  const odd = await admin.transactions({ ...query, metadata: { parity: '1' } })
  expect(odd.items.map(({ referenceId }) => referenceId)).toEqual(['order-1', 'order-3'])
  const one = await admin.transactions({ referenceId: 'order-4', userId: payer })
  expect(await admin.transaction(one.items[0]?.id ?? '')).toEqual(one.items[0])
})

test('the events of a user, in pages', async ({ shop, admin, payer }) => {
  const { items: before } = await admin.events({ userId: payer, limit: 1 })
  await shop.pay({ userId: payer, amount: 30 })
  const page = await admin.events({ userId: payer, after: before[0]?.id ?? '' })
  expect(page.items.map(({ event, seq }) => [event, seq])).toEqual([
    ['balance_updated', 3],
    ['transaction_completed', 4],
  ])
  expect(page).toMatchObject({ nextCursor: page.items[1]?.id, recovered: true })
})

test('limits and monitors', async ({ shop, admin, payer }) => {
  const limit = { userId: payer, type: 'booking_payment', maxAmount: 20 } as const
  expect(await admin.limits.put(limit)).toMatchObject({ maxAmount: 20 })
  await expect(shop.pay({ userId: payer, amount: 21 })).rejects.toMatchObject({
    code: 'limit_exceeded',
  })
  expect((await admin.limits.list({ userId: payer })).items).toHaveLength(1)
  expect((await shop.limits.usage({ userId: payer })).items).toMatchObject([{ used: null }])
  expect(await admin.limits.remove({ userId: payer, type: 'booking_payment' })).toEqual({
    deleted: 1,
  })
  const monitor = { userId: payer, threshold: 10, direction: 'below' } as const
  const { id } = await admin.monitors.put(monitor)
  expect(await admin.monitors.remove(id, { userId: payer })).toEqual({ deleted: 1 })
})

test('a freeze', async ({ shop, admin, payer }) => {
  expect(await admin.freeze(payer, { debits: true, reason: 'lost phone' })).toMatchObject({
    debits: true,
    credits: false,
  })
  await expect(shop.pay({ userId: payer, amount: 1 })).rejects.toMatchObject({
    code: 'wallet_frozen',
  })
  await admin.unfreeze(payer, { reason: 'found it' })
  const { history } = await admin.freezes(payer)
  expect(history.map(({ reason }) => reason)).toEqual(['found it', 'lost phone'])
})

test('the types are those of the routes', async ({ shop }) => {
  // @ts-expect-error the amount is missing
  void (() => shop.pay({ userId: 'alice' }))
  // @ts-expect-error there is no such field
  void (() => shop.pay({ amount: 1, admin: true }))
  // @ts-expect-error there is no such decision
  void (() => shop.settleTopup('id', { status: 'perhaps' }))
  // @ts-expect-error the id is missing
  void (() => shop.refund({ amount: 1 }))
  // @ts-expect-error there is no such filter
  void (() => shop.transactions({ colour: 'red' }))
  expectTypeOf(shop.canAfford).toBeCallableWith({ amount: 5, userId: 'alice' })
  expectTypeOf(shop.audit).returns.resolves.toHaveProperty('discrepancies')
})
