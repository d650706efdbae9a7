import { expect } from 'vitest'
import { admin, alice, service, test } from '../support/routes/ledger-app.ts'

let users = 0

/** A new user with 100. */
async function newUser(api: { fund(userId: string, amount: number): Promise<void> }) {
  const user = { sub: `user-${++users}` }
  await api.fund(user.sub, 100)
  return user
}

test('a payment is afforded as the ledger decides it, to the last cent', async ({ api }) => {
  const user = await newUser(api)
  const ask = async (search: string) =>
    (await api.call(user, `GET /transactions/can-afford?${search}`)).body
  expect(await ask('amount=100')).toEqual({ ok: true, available: 100, currency: 'USD' })
  expect(await ask('amount=100.01')).toEqual({
    ...{ ok: false, reason: 'funds', available: 100, currency: 'USD' },
  })
  expect(await ask('amount=1&currency=EUR')).toMatchObject({ ok: false, available: 0 })
  const payment = { type: 'booking_payment', amount: 100.01 }
  expect((await api.call(user, 'POST /transactions', payment)).status).toBe(402)
})

test('nobody without a wallet affords anything, and asking opens none', async ({ api }) => {
  const search = '?userId=nobody&amount=1'
  const { body } = await api.call(service, `GET /transactions/can-afford${search}`)
  expect(body).toMatchObject({ ok: false, reason: 'funds', available: 0 })
  expect((await api.call(admin, 'GET /transactions/balance?userId=nobody')).status).toBe(404)
})

test('held money is free when as many holds as needed have expired, the first to expire first', async ({
  api,
}) => {
  const user = await newUser(api)
  const hold = async (amount: number, expiresIn: number) =>
    (await api.call(user, 'POST /transactions/hold', { amount, expiresIn })).body
  await hold(30, 3_000)
  const middle = await hold(20, 2_000)
  const soonest = await hold(10, 1_000)
  const freesAt = async (amount: number) => {
    const { body } = await api.call(user, `GET /transactions/can-afford?amount=${amount}`)
    expect(body).toMatchObject({ ok: false, reason: 'hold', available: 40 })
    return body.freesAt && Date.parse(body.freesAt)
  }
  const after = ({ createdAt }: { createdAt: string }, seconds: number) =>
    Date.parse(createdAt) + seconds * 1_000
  expect(await freesAt(50)).toBe(after(soonest, 1_000))
  expect(await freesAt(50.01)).toBe(after(middle, 2_000))
  expect(await freesAt(100)).toBeGreaterThan(after(middle, 2_000))
  // A withdrawal waits for an admin, so its time is not known.
  await api.call(user, 'POST /transactions/withdrawal', { amount: 40 })
  const { body } = await api.call(user, 'GET /transactions/can-afford?amount=100')
  expect(body).toEqual({ ok: false, reason: 'hold', available: 0, currency: 'USD' })
})

test('a spending limit counts by type, and its window frees the oldest first', async ({ api }) => {
  const user = await newUser(api)
  const limit = { userId: user.sub, type: 'booking_payment', maxSum: 50, windowSeconds: 3_600 }
  await api.call(admin, 'PUT /transactions/limits', limit)
  const pay = async (amount: number) =>
    (await api.call(user, 'POST /transactions', { type: 'booking_payment', amount })).body
  const first = await pay(20)
  const second = await pay(25)
  const ask = async (search: string) =>
    (await api.call(user, `GET /transactions/can-afford?${search}`)).body
  const later = ({ createdAt }: { createdAt: string }) => Date.parse(createdAt) + 3_600_000
  expect(await ask('amount=5')).toMatchObject({ ok: true })
  expect(await ask('amount=5.01&type=transfer')).toMatchObject({ ok: true })
  const over = await ask('amount=5.01')
  expect(over).toMatchObject({ ok: false, reason: 'limit', available: 55 })
  expect(Date.parse(over.freesAt)).toBe(later(first))
  expect(Date.parse((await ask('amount=25.01')).freesAt)).toBe(later(second))
  expect(await ask('amount=50.01')).not.toHaveProperty('freesAt')
  expect(
    (await api.call(user, 'POST /transactions', { type: 'booking_payment', amount: 5.01 })).status,
  ).toBe(422)
})

test.for(['', 'amount=0', 'amount=-1', 'amount=1.001', 'amount=x', 'amount=1&type=topup'])(
  '?%s is refused',
  async (search, { api }) => {
    expect((await api.call(alice, `GET /transactions/can-afford?${search}`)).status).toBe(400)
  },
)
