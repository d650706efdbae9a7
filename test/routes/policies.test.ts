import { describe, expect } from 'vitest'
import {
  admin,
  alice,
  bob,
  foreignAdmin,
  type LedgerApp,
  test,
} from '../support/routes/ledger-app.ts'

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 1000)
})

describe('monitors', () => {
  const put = (api: LedgerApp, body: object, caller = alice) =>
    api.call(caller, 'PUT /transactions/monitors', body)
  const list = async (api: LedgerApp, caller = alice, search = '') =>
    (await api.call(caller, `GET /transactions/monitors${search}`)).body.items

  test('are set once however often they are put, listed and removed', async ({ api }) => {
    const first = await put(api, { threshold: 50.25, direction: 'below' })
    expect(first.body).toMatchObject({ threshold: 50.25, direction: 'below', currency: 'USD' })
    expect((await put(api, { threshold: '50.25', direction: 'below' })).body.id).toBe(first.body.id)
    await put(api, { threshold: 0, direction: 'above' })
    expect(await list(api)).toHaveLength(2)
    const remove = () => api.call(alice, `DELETE /transactions/monitors/${first.body.id}`)
    expect((await remove()).body).toEqual({ deleted: 1 })
    expect((await remove()).status).toBe(404)
    expect((await api.call(alice, 'DELETE /transactions/monitors')).body).toEqual({ deleted: 1 })
    expect(await list(api)).toEqual([])
  })

  test('are one’s own, but for an admin of the tenant', async ({ api }) => {
    const { body } = await put(api, { threshold: 1, direction: 'below' })
    expect((await api.call(bob, `DELETE /transactions/monitors/${body.id}`)).status).toBe(404)
    expect((await api.call(bob, 'GET /transactions/monitors?userId=alice')).status).toBe(403)
    expect(await list(api, admin, '?userId=alice')).toHaveLength(1)
    expect(await list(api, foreignAdmin, '?userId=alice')).toEqual([])
    expect(
      (await put(api, { threshold: 1, direction: 'below', userId: 'alice' }, bob)).status,
    ).toBe(403)
    await api.call(admin, 'DELETE /transactions/monitors?userId=alice')
    expect(await list(api)).toEqual([])
  })

  test('are at most 20', async ({ api }) => {
    for (let i = 1; i <= 20; i++) await put(api, { threshold: i, direction: 'below' }, bob)
    const { status, body } = await put(api, { threshold: 21, direction: 'below' }, bob)
    expect([status, body.code]).toEqual([409, 'conflict'])
  })
})

describe('spending limits', () => {
  const put = (api: LedgerApp, body: object) => api.call(admin, 'PUT /transactions/limits', body)
  const pay = (api: LedgerApp, amount: number) =>
    api.call(alice, 'POST /transactions', { type: 'booking_payment', amount })

  test('stop a single amount that is too large, until they are removed', async ({ api }) => {
    const limit = { userId: 'alice', type: 'booking_payment' }
    expect((await put(api, { ...limit, maxAmount: 100 })).body).toMatchObject({
      ...limit,
      currency: 'USD',
      maxAmount: 100,
      maxSum: null,
      windowSeconds: null,
    })
    const { status, body } = await pay(api, 100.01)
    expect([status, body.code]).toEqual([422, 'limit_exceeded'])
    expect((await pay(api, 100)).status).toBe(201)
    const remove = () =>
      api.call(admin, 'DELETE /transactions/limits?userId=alice&type=booking_payment')
    expect((await remove()).body).toEqual({ deleted: 1 })
    expect((await remove()).status).toBe(404)
    expect((await pay(api, 100.01)).status).toBe(201)
  })

  test('stop a sum within a time', async ({ api }) => {
    await put(api, { userId: 'alice', type: 'transfer', maxSum: 10, windowSeconds: 3600 })
    await api.fund('bob', 1)
    const send = (amount: number) =>
      api.call(alice, 'POST /transactions/transfer', { toUserId: 'bob', amount })
    expect((await send(6)).status).toBe(201)
    expect((await send(4.01)).body.code).toBe('limit_exceeded')
    expect((await send(4)).status).toBe(201)
  })

  test('are listed by user, within the tenant', async ({ api }) => {
    const list = async (api: LedgerApp, caller = admin, search = '') =>
      (await api.call(caller, `GET /transactions/limits${search}`)).body.items
    expect(await list(api, admin, '?userId=alice')).toMatchObject([
      { type: 'transfer', maxSum: 10 },
    ])
    expect(await list(api, foreignAdmin)).toEqual([])
  })

  test.for([
    {},
    { maxSum: 5 },
    { windowSeconds: 5 },
    { maxAmount: 5, windowSeconds: 5 },
    { maxAmount: -5 },
    { maxAmount: 0 },
    { maxSum: '0.00', windowSeconds: 5 },
    { maxAmount: 5, type: 'topup' },
  ])('that say too little or nonsense are refused: %j', async (body, { api }) => {
    expect((await put(api, { userId: 'alice', type: 'hold', ...body })).status).toBe(400)
  })
})
