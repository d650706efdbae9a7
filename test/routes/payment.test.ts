import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  admin,
  alice,
  bob,
  type Caller,
  type LedgerApp,
  ledgerApp,
  service,
} from '../support/routes/ledger-app.ts'

let it: LedgerApp
beforeAll(async () => {
  it = await ledgerApp()
  await it.fund('alice', 1000)
  await it.fund('bob', 10)
})
afterAll(() => it.close())

const wallet = async (caller: Caller = alice) =>
  (await it.call(caller, 'GET /transactions/balance')).body
const pay = (body: object, caller: Caller = alice) =>
  it.call(caller, 'POST /transactions', { type: 'booking_payment', ...body })

describe('a payment', () => {
  test('is given positive and booked negative', async () => {
    const before = await wallet()
    const { status, body } = await pay({
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
    expect((await wallet()).balance).toBe(before.balance - 120.25)
  })

  test('without enough money is 402 with the figures, and takes nothing', async () => {
    const { status, body } = await pay({ amount: 10.01 }, bob)
    expect(status).toBe(402)
    expect(body.code).toBe('insufficient_funds')
    expect(body.details).toMatchObject({
      requiredAmount: 10.01,
      currentBalance: 10,
      shortfall: 0.01,
    })
    expect((await wallet(bob)).balance).toBe(10)
  })

  test('is made by a service for a user, and not by one user for another', async () => {
    const before = await wallet()
    expect((await pay({ amount: 1, userId: 'alice' }, service)).body.userId).toBe('alice')
    expect((await wallet()).balance).toBe(before.balance - 1)
    expect((await pay({ amount: 1, userId: 'alice' }, bob)).status).toBe(403)
    expect((await wallet()).balance).toBe(before.balance - 1)
  })
})

describe('a refund', () => {
  const refund = (id: string, body?: unknown, caller: Caller = admin) =>
    it.call(caller, `POST /transactions/${id}/refund`, body)

  test('comes in parts, together never more than was paid', async () => {
    const before = await wallet()
    const { id } = (await pay({ amount: 30 })).body
    const part = await refund(id, { amount: 10, description: 'a night less' }, service)
    expect(part.body).toMatchObject({
      type: 'refund',
      amount: 10,
      userId: 'alice',
      referenceId: id,
    })
    const tooMuch = await refund(id, { amount: 20.01 })
    expect(tooMuch.status).toBe(422)
    expect(tooMuch.body).toMatchObject({ code: 'refund_exceeds_payment', details: { maximum: 20 } })
    expect((await refund(id)).body.amount).toBe(20)
    expect((await refund(id)).status).toBe(422)
    expect((await wallet()).balance).toBe(before.balance)
  })

  test('is not for the user, and only of what was paid', async () => {
    const { id } = (await pay({ amount: 1 })).body
    expect((await refund(id, {}, alice)).status).toBe(403)
    const topup = (await it.call(alice, 'POST /transactions/topup', { amount: 1 })).body
    expect((await refund(topup.id)).status).toBe(409)
    expect((await refund('019a4e5c-0000-7000-8000-000000000001', { amount: 1 })).status).toBe(404)
  })

  test.each([admin, service])(
    'of one’s own payment is another’s to give: $roles',
    async (payer) => {
      const gift = { userId: payer.sub, amount: 20, description: 'to begin with' }
      const other = { sub: 'another', roles: ['admin'] }
      expect((await it.call(other, 'POST /transactions/adjustment', gift)).status).toBe(201)
      const { id } = (await pay({ amount: 20 }, payer)).body
      for (const body of [{}, { amount: 5 }]) {
        const { status, body: problem } = await refund(id, body, payer)
        expect([status, problem.code]).toEqual([403, 'self_approval'])
      }
      expect((await wallet(payer)).balance).toBe(0)
      expect((await refund(id, {}, other)).status).toBe(201)
      expect((await wallet(payer)).balance).toBe(20)
    },
  )
})

describe('a transfer', () => {
  const send = (body: object, caller: Caller = alice) =>
    it.call(caller, 'POST /transactions/transfer', body)

  test('takes from one what it gives the other', async () => {
    const [from, to] = [await wallet(), await wallet(bob)]
    const { status, body } = await send({ toUserId: 'bob', amount: 25 })
    expect(status).toBe(201)
    expect(body).toMatchObject({ type: 'transfer', amount: -25, status: 'success' })
    expect((await wallet()).balance).toBe(from.balance - 25)
    expect((await wallet(bob)).balance).toBe(to.balance + 25)
  })

  test('to oneself, or to nobody, is refused', async () => {
    expect((await send({ toUserId: 'alice', amount: 1 })).body.code).toBe('self_transfer')
    expect((await send({ toUserId: 'no body', amount: 1 })).status).toBe(400)
    expect((await send({ amount: 1 })).status).toBe(400)
    const unknown = await send({ toUserId: 'a-typo', amount: 1 })
    expect([unknown.status, unknown.body.code]).toEqual([404, 'unknown_user'])
  })
})

describe('an adjustment', () => {
  const adjust = (body: object, caller: Caller = admin) =>
    it.call(caller, 'POST /transactions/adjustment', body)

  test('adds or takes, with a reason', async () => {
    const before = await wallet()
    const give = await adjust({ userId: 'alice', amount: 5.5, description: 'goodwill' })
    expect(give.body).toMatchObject({ type: 'admin_adjustment', amount: 5.5, processedBy: 'ada' })
    const take = await adjust({ userId: 'alice', amount: -5.5, description: 'a slip' })
    expect(take.body.amount).toBe(-5.5)
    expect((await wallet()).balance).toBe(before.balance)
    expect((await adjust({ userId: 'alice', amount: 5 })).status).toBe(400)
    expect((await adjust({ userId: 'alice', amount: 5, description: '  ' })).status).toBe(400)
  })

  test.each([
    ['to oneself', 5],
    ['from oneself', -5],
  ])('%s is refused', async (_, amount) => {
    const { status, body } = await adjust({ userId: 'ada', amount, description: 'mine' })
    expect([status, body.code]).toEqual([403, 'self_approval'])
  })

  test('never takes more than there is', async () => {
    const { status } = await adjust({ userId: 'bob', amount: -100_000, description: 'a slip' })
    expect(status).toBe(402)
  })
})

describe('a withdrawal', () => {
  const request = async (amount: number) =>
    (await it.call(alice, 'POST /transactions/withdrawal', { amount })).body
  const process = (id: string, status: string, caller: Caller = admin) =>
    it.call(caller, `PATCH /transactions/withdrawal/${id}/process`, { status })

  test('holds its money at once; it leaves when an admin approves', async () => {
    const before = await wallet()
    const { id } = await request(100)
    expect(await wallet()).toMatchObject({
      balance: before.balance,
      held: before.held + 100,
      available: before.available - 100,
    })
    expect((await process(id, 'success')).body).toMatchObject({ status: 'success', amount: -100 })
    expect(await wallet()).toMatchObject({ balance: before.balance - 100, held: before.held })
  })

  test('comes back when it is rejected', async () => {
    const before = await wallet()
    const { id } = await request(100)
    expect((await process(id, 'failed')).body.status).toBe('failed')
    expect(await wallet()).toMatchObject({ balance: before.balance, held: before.held })
  })
})

describe('a hold', () => {
  const hold = (body: object, caller: Caller = alice) =>
    it.call(caller, 'POST /transactions/hold', body)
  const end = (id: string, how: 'capture' | 'void', body?: unknown, caller: Caller = alice) =>
    it.call(caller, `POST /transactions/hold/${id}/${how}`, body)

  test('lowers what is available at once, and the balance at capture', async () => {
    const before = await wallet()
    const { status, body } = await hold({ amount: 80, expiresIn: 60, referenceId: 'b-1' })
    expect(status).toBe(201)
    expect(body).toMatchObject({ type: 'hold', status: 'pending', amount: -80 })
    expect(await wallet()).toMatchObject({
      balance: before.balance,
      available: before.available - 80,
    })
    expect((await end(body.id, 'capture')).body).toMatchObject({ status: 'success', amount: -80 })
    expect(await wallet()).toMatchObject({ balance: before.balance - 80, held: before.held })
    expect((await end(body.id, 'void')).status).toBe(409)
  })

  test('can be captured in part, never beyond; the rest is free again', async () => {
    const before = await wallet()
    const { id } = (await hold({ amount: 50 })).body
    const tooMuch = await end(id, 'capture', { amount: 50.01 })
    expect(tooMuch.body).toMatchObject({ code: 'capture_exceeds_hold', details: { maximum: 50 } })
    const { body } = await end(id, 'capture', { amount: 20.5 })
    expect(body).toMatchObject({ amount: -20.5, metadata: { heldAmount: 50 } })
    const csv = await it.call(alice, 'GET /transactions/export?format=csv')
    expect(csv.text).toContain('"{""heldAmount"":50}"')
    expect(await wallet()).toMatchObject({ balance: before.balance - 20.5, held: before.held })
  })

  test('can be voided', async () => {
    const before = await wallet()
    const { id } = (await hold({ amount: 50 })).body
    expect((await end(id, 'void')).body.status).toBe('cancelled')
    expect(await wallet()).toMatchObject({ balance: before.balance, held: before.held })
  })

  test('that a service opened is ended by a service alone', async () => {
    const { id } = (await hold({ amount: 5, userId: 'alice' }, service)).body
    const own = await end(id, 'void')
    expect(own.status).toBe(403)
    expect(own.body.code).toBe('not_your_hold')
    expect((await end(id, 'capture', { amount: 5 }, service)).status).toBe(200)
  })

  test('of somebody else is not there', async () => {
    const { id } = (await hold({ amount: 5 })).body
    expect((await end(id, 'void', undefined, bob)).status).toBe(404)
    expect((await end(id, 'capture', { amount: 1 }, bob)).status).toBe(404)
    expect((await hold({ amount: 5, userId: 'alice' }, bob)).status).toBe(403)
  })

  test.each([0, -1, 1.5, 31_622_401, '60'])(
    'refuses to expire in %j seconds',
    async (expiresIn) => {
      expect((await hold({ amount: 5, expiresIn })).status).toBe(400)
    },
  )
})
