import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  admin,
  alice,
  bob,
  foreignAdmin,
  type LedgerApp,
  ledgerApp,
} from '../support/routes/ledger-app.ts'

let it: LedgerApp
beforeAll(async () => {
  it = await ledgerApp()
  await it.fund('alice', 1000)
})
afterAll(() => it.close())

describe('monitors', () => {
  const put = (body: object, caller = alice) => it.call(caller, 'PUT /transactions/monitors', body)
  const list = async (caller = alice, search = '') =>
    (await it.call(caller, `GET /transactions/monitors${search}`)).body.items

  test('are set once however often they are put, listed and removed', async () => {
    const first = await put({ threshold: 50.25, direction: 'below' })
    expect(first.body).toMatchObject({ threshold: 50.25, direction: 'below', currency: 'USD' })
    expect((await put({ threshold: '50.25', direction: 'below' })).body.id).toBe(first.body.id)
    await put({ threshold: 0, direction: 'above' })
    expect(await list()).toHaveLength(2)
    const remove = () => it.call(alice, `DELETE /transactions/monitors/${first.body.id}`)
    expect((await remove()).body).toEqual({ deleted: 1 })
    expect((await remove()).status).toBe(404)
    expect((await it.call(alice, 'DELETE /transactions/monitors')).body).toEqual({ deleted: 1 })
    expect(await list()).toEqual([])
  })

  test('are one’s own, but for an admin of the tenant', async () => {
    const { body } = await put({ threshold: 1, direction: 'below' })
    expect((await it.call(bob, `DELETE /transactions/monitors/${body.id}`)).status).toBe(404)
    expect((await it.call(bob, 'GET /transactions/monitors?userId=alice')).status).toBe(403)
    expect(await list(admin, '?userId=alice')).toHaveLength(1)
    expect(await list(foreignAdmin, '?userId=alice')).toEqual([])
    expect((await put({ threshold: 1, direction: 'below', userId: 'alice' }, bob)).status).toBe(403)
    await it.call(admin, 'DELETE /transactions/monitors?userId=alice')
    expect(await list()).toEqual([])
  })

  test('are at most 20', async () => {
    for (let i = 1; i <= 20; i++) await put({ threshold: i, direction: 'below' }, bob)
    const { status, body } = await put({ threshold: 21, direction: 'below' }, bob)
    expect([status, body.code]).toEqual([409, 'conflict'])
  })
})

describe('spending limits', () => {
  const put = (body: object) => it.call(admin, 'PUT /transactions/limits', body)
  const pay = (amount: number) =>
    it.call(alice, 'POST /transactions', { type: 'booking_payment', amount })

  test('stop a single amount that is too large, until they are removed', async () => {
    const limit = { userId: 'alice', type: 'booking_payment' }
    expect((await put({ ...limit, maxAmount: 100 })).body).toMatchObject({
      ...limit,
      currency: 'USD',
      maxAmount: 100,
      maxSum: null,
      windowSeconds: null,
    })
    const { status, body } = await pay(100.01)
    expect([status, body.code]).toEqual([422, 'limit_exceeded'])
    expect((await pay(100)).status).toBe(201)
    const remove = () =>
      it.call(admin, 'DELETE /transactions/limits?userId=alice&type=booking_payment')
    expect((await remove()).body).toEqual({ deleted: 1 })
    expect((await remove()).status).toBe(404)
    expect((await pay(100.01)).status).toBe(201)
  })

  test('stop a sum within a time', async () => {
    await put({ userId: 'alice', type: 'transfer', maxSum: 10, windowSeconds: 3600 })
    await it.fund('bob', 1)
    const send = (amount: number) =>
      it.call(alice, 'POST /transactions/transfer', { toUserId: 'bob', amount })
    expect((await send(6)).status).toBe(201)
    expect((await send(4.01)).body.code).toBe('limit_exceeded')
    expect((await send(4)).status).toBe(201)
  })

  test('are listed by user, within the tenant', async () => {
    const list = async (caller = admin, search = '') =>
      (await it.call(caller, `GET /transactions/limits${search}`)).body.items
    expect(await list(admin, '?userId=alice')).toMatchObject([{ type: 'transfer', maxSum: 10 }])
    expect(await list(foreignAdmin)).toEqual([])
  })

  test.each([
    {},
    { maxSum: 5 },
    { windowSeconds: 5 },
    { maxAmount: 5, windowSeconds: 5 },
    { maxAmount: -5 },
    { maxAmount: 0 },
    { maxSum: '0.00', windowSeconds: 5 },
    { maxAmount: 5, type: 'topup' },
  ])('that say too little or nonsense are refused: %j', async (body) => {
    expect((await put({ userId: 'alice', type: 'hold', ...body })).status).toBe(400)
  })
})
