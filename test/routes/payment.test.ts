import { describe, expect } from 'vitest'
import {
  admin,
  alice,
  bob,
  type Caller,
  type LedgerApp,
  service,
  test,
} from '../support/routes/ledger-app.ts'

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 1000)
  await api.fund('bob', 10)
})

const wallet = async (api: LedgerApp, caller: Caller = alice) =>
  (await api.call(caller, 'GET /transactions/balance')).body
const pay = (api: LedgerApp, body: object, caller: Caller = alice) =>
  api.call(caller, 'POST /transactions', { type: 'booking_payment', ...body })

describe('a payment', () => {
  test('is given positive and booked negative', async ({ api }) => {
    const before = await wallet(api)
    const { status, body } = await pay(api, {
      amount: 120.25,
      referenceId: 'booking-7',
      referenceType: 'booking',
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      type: 'booking_payment',
      status: 'success',
      amount: -120.25,
      referenceId: 'booking-7',
      referenceType: 'booking',
      previousBalance: before.balance,
      newBalance: before.balance - 120.25,
    })
    expect((await wallet(api)).balance).toBe(before.balance - 120.25)
  })

  test('without enough money is 402 with the figures, and takes nothing', async ({ api }) => {
    const { status, body } = await pay(api, { amount: 10.01 }, bob)
    expect(status).toBe(402)
    expect(body.code).toBe('insufficient_funds')
    expect(body.details).toMatchObject({
      requiredAmount: 10.01,
      currentBalance: 10,
      shortfall: 0.01,
    })
    expect((await wallet(api, bob)).balance).toBe(10)
  })

  test('is made by a service for a user, and not by one user for another', async ({ api }) => {
    const before = await wallet(api)
    expect((await pay(api, { amount: 1, userId: 'alice' }, service)).body.userId).toBe('alice')
    expect((await wallet(api)).balance).toBe(before.balance - 1)
    expect((await pay(api, { amount: 1, userId: 'alice' }, bob)).status).toBe(403)
    expect((await wallet(api)).balance).toBe(before.balance - 1)
  })
})

describe('a refund', () => {
  const refund = (api: LedgerApp, id: string, body?: unknown, caller: Caller = admin) =>
    api.call(caller, `POST /transactions/${id}/refund`, body)

  test('comes in parts, together never more than was paid', async ({ api }) => {
    const before = await wallet(api)
    const { id } = (await pay(api, { amount: 30 })).body
    const part = await refund(api, id, { amount: 10, description: 'a night less' }, service)
    expect(part.body).toMatchObject({
      type: 'refund',
      amount: 10,
      userId: 'alice',
      referenceId: id,
    })
    const tooMuch = await refund(api, id, { amount: 20.01 })
    expect(tooMuch.status).toBe(422)
    expect(tooMuch.body).toMatchObject({ code: 'refund_exceeds_payment', details: { maximum: 20 } })
    expect((await refund(api, id)).body.amount).toBe(20)
    expect((await refund(api, id)).status).toBe(422)
    expect((await wallet(api)).balance).toBe(before.balance)
  })

  test('is not for the user, and only of what was paid', async ({ api }) => {
    const { id } = (await pay(api, { amount: 1 })).body
    expect((await refund(api, id, {}, alice)).status).toBe(403)
    const topup = (await api.call(alice, 'POST /transactions/topup', { amount: 1 })).body
    expect((await refund(api, topup.id)).status).toBe(409)
    expect((await refund(api, '019a4e5c-0000-7000-8000-000000000001', { amount: 1 })).status).toBe(
      404,
    )
  })

  test.for([admin, service])(
    'of one’s own payment is another’s to give: $roles',
    async (payer, { api }) => {
      const gift = { userId: payer.sub, amount: 20, description: 'to begin with' }
      const other = { sub: 'another', roles: ['admin'] }
      expect((await api.call(other, 'POST /transactions/adjustment', gift)).status).toBe(201)
      const { id } = (await pay(api, { amount: 20 }, payer)).body
      for (const body of [{}, { amount: 5 }]) {
        const { status, body: problem } = await refund(api, id, body, payer)
        expect([status, problem.code]).toEqual([403, 'self_approval'])
      }
      expect((await wallet(api, payer)).balance).toBe(0)
      expect((await refund(api, id, {}, other)).status).toBe(201)
      expect((await wallet(api, payer)).balance).toBe(20)
    },
  )
})

describe('a transfer', () => {
  const send = (api: LedgerApp, body: object, caller: Caller = alice) =>
    api.call(caller, 'POST /transactions/transfer', body)

  test('takes from one what it gives the other', async ({ api }) => {
    const [from, to] = [await wallet(api), await wallet(api, bob)]
    const { status, body } = await send(api, { toUserId: 'bob', amount: 25 })
    expect(status).toBe(201)
    expect(body).toMatchObject({ type: 'transfer', amount: -25, status: 'success' })
    expect((await wallet(api)).balance).toBe(from.balance - 25)
    expect((await wallet(api, bob)).balance).toBe(to.balance + 25)
  })

  test('to oneself, or to nobody, is refused', async ({ api }) => {
    expect((await send(api, { toUserId: 'alice', amount: 1 })).body.code).toBe('self_transfer')
    expect((await send(api, { toUserId: 'no body', amount: 1 })).status).toBe(400)
    expect((await send(api, { amount: 1 })).status).toBe(400)
    const unknown = await send(api, { toUserId: 'a-typo', amount: 1 })
    expect([unknown.status, unknown.body.code]).toEqual([404, 'unknown_user'])
  })
})

describe('an adjustment', () => {
  const adjust = (api: LedgerApp, body: object, caller: Caller = admin) =>
    api.call(caller, 'POST /transactions/adjustment', body)

  test('adds or takes, with a reason', async ({ api }) => {
    const before = await wallet(api)
    const give = await adjust(api, { userId: 'alice', amount: 5.5, description: 'goodwill' })
    expect(give.body).toMatchObject({ type: 'admin_adjustment', amount: 5.5, processedBy: 'ada' })
    const take = await adjust(api, { userId: 'alice', amount: -5.5, description: 'a slip' })
    expect(take.body.amount).toBe(-5.5)
    expect((await wallet(api)).balance).toBe(before.balance)
    expect((await adjust(api, { userId: 'alice', amount: 5 })).status).toBe(400)
    expect((await adjust(api, { userId: 'alice', amount: 5, description: '  ' })).status).toBe(400)
  })

  test.for<[string, number]>([
    ['to oneself', 5],
    ['from oneself', -5],
  ])('%s is refused', async ([, amount], { api }) => {
    const { status, body } = await adjust(api, { userId: 'ada', amount, description: 'mine' })
    expect([status, body.code]).toEqual([403, 'self_approval'])
  })

  test('never takes more than there is', async ({ api }) => {
    const { status } = await adjust(api, { userId: 'bob', amount: -100_000, description: 'a slip' })
    expect(status).toBe(402)
  })
})

describe('a withdrawal', () => {
  const request = async (api: LedgerApp, amount: number) =>
    (await api.call(alice, 'POST /transactions/withdrawal', { amount })).body
  const process = (api: LedgerApp, id: string, status: string, caller: Caller = admin) =>
    api.call(caller, `PATCH /transactions/withdrawal/${id}/process`, { status })

  test('holds its money at once; it leaves when an admin approves', async ({ api }) => {
    const before = await wallet(api)
    const { id } = await request(api, 100)
    expect(await wallet(api)).toMatchObject({
      balance: before.balance,
      held: before.held + 100,
      available: before.available - 100,
    })
    expect((await process(api, id, 'success')).body).toMatchObject({
      status: 'success',
      amount: -100,
    })
    expect(await wallet(api)).toMatchObject({ balance: before.balance - 100, held: before.held })
  })

  test('comes back when it is rejected', async ({ api }) => {
    const before = await wallet(api)
    const { id } = await request(api, 100)
    expect((await process(api, id, 'failed')).body.status).toBe('failed')
    expect(await wallet(api)).toMatchObject({ balance: before.balance, held: before.held })
  })
})

describe('a hold', () => {
  const hold = (api: LedgerApp, body: object, caller: Caller = alice) =>
    api.call(caller, 'POST /transactions/hold', body)
  const end = (
    api: LedgerApp,
    id: string,
    how: 'capture' | 'void',
    body?: unknown,
    caller: Caller = alice,
  ) => api.call(caller, `POST /transactions/hold/${id}/${how}`, body)

  test('lowers what is available at once, and the balance at capture', async ({ api }) => {
    const before = await wallet(api)
    const { status, body } = await hold(api, { amount: 80, expiresIn: 60, referenceId: 'b-1' })
    expect(status).toBe(201)
    expect(body).toMatchObject({ type: 'hold', status: 'pending', amount: -80 })
    expect(await wallet(api)).toMatchObject({
      balance: before.balance,
      available: before.available - 80,
    })
    expect((await end(api, body.id, 'capture')).body).toMatchObject({
      status: 'success',
      amount: -80,
    })
    expect(await wallet(api)).toMatchObject({ balance: before.balance - 80, held: before.held })
    expect((await end(api, body.id, 'void')).status).toBe(409)
  })

  test('can be captured in part, never beyond; the rest is free again', async ({ api }) => {
    const before = await wallet(api)
    const { id } = (await hold(api, { amount: 50 })).body
    const tooMuch = await end(api, id, 'capture', { amount: 50.01 })
    expect(tooMuch.body).toMatchObject({ code: 'capture_exceeds_hold', details: { maximum: 50 } })
    const { body } = await end(api, id, 'capture', { amount: 20.5 })
    expect(body).toMatchObject({ amount: -20.5, metadata: { heldAmount: 50 } })
    const csv = await api.call(alice, 'GET /transactions/export?format=csv')
    expect(csv.text).toContain('"{""heldAmount"":50}"')
    expect(await wallet(api)).toMatchObject({ balance: before.balance - 20.5, held: before.held })
  })

  test('can be voided', async ({ api }) => {
    const before = await wallet(api)
    const { id } = (await hold(api, { amount: 50 })).body
    expect((await end(api, id, 'void')).body.status).toBe('cancelled')
    expect(await wallet(api)).toMatchObject({ balance: before.balance, held: before.held })
  })

  test('that a service opened is ended by a service alone', async ({ api }) => {
    const { id } = (await hold(api, { amount: 5, userId: 'alice' }, service)).body
    const own = await end(api, id, 'void')
    expect(own.status).toBe(403)
    expect(own.body.code).toBe('not_your_hold')
    expect((await end(api, id, 'capture', { amount: 5 }, service)).status).toBe(200)
  })

  test('of somebody else is not there', async ({ api }) => {
    const { id } = (await hold(api, { amount: 5 })).body
    expect((await end(api, id, 'void', undefined, bob)).status).toBe(404)
    expect((await end(api, id, 'capture', { amount: 1 }, bob)).status).toBe(404)
    expect((await hold(api, { amount: 5, userId: 'alice' }, bob)).status).toBe(403)
  })

  test.for([0, -1, 1.5, 31_622_401, '60'])(
    'refuses to expire in %j seconds',
    async (expiresIn, { api }) => {
      expect((await hold(api, { amount: 5, expiresIn })).status).toBe(400)
    },
  )
})
