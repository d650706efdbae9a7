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

  test('tell their user what is used, and when it is free again', async ({ api }) => {
    const limit = { userId: 'bob', currency: 'USD', maxSum: 12.5, windowSeconds: 3600 }
    await api.fund('bob', 100)
    const usage = async (caller = bob, search = '') =>
      (await api.call(caller, `GET /transactions/limits/usage${search}`)).body.items
    expect(await usage()).toEqual([])

    await put(api, { ...limit, type: 'transfer', maxAmount: 8 })
    await put(api, { userId: 'bob', type: 'withdrawal', maxAmount: 5 })
    const nothing = { used: 0, left: 12.5, freesAmount: null, freesAt: null }
    const single = { type: 'withdrawal', currency: 'USD', maxAmount: 5, maxSum: null }
    expect(await usage()).toMatchObject([
      { type: 'transfer', currency: 'USD', maxAmount: 8, maxSum: 12.5, ...nothing },
      { ...single, used: null, left: null, freesAmount: null, freesAt: null },
    ])

    const send = { toUserId: 'alice', currency: 'USD' }
    const sent = await api.call(bob, 'POST /transactions/transfer', { ...send, amount: 7 })
    await api.call(bob, 'POST /transactions/transfer', { ...send, amount: 2.25 })
    // What bob receives, and what is refused, does not count.
    await api.fund('alice', 3)
    await api.call(alice, 'POST /transactions/transfer', { toUserId: 'bob', amount: 3 })
    const refused = await api.call(bob, 'POST /transactions/transfer', { ...send, amount: 3.26 })
    expect(refused.body).toMatchObject({ code: 'limit_exceeded', details: { maximum: 3.25 } })
    const freesAt = Date.parse(sent.body.createdAt) + 3_600_000
    const [used] = await usage()
    expect(used).toMatchObject({ used: 9.25, left: 3.25, freesAmount: 7 })
    expect(Date.parse(used.freesAt)).toBe(freesAt)

    expect(await usage(admin, '?userId=bob')).toHaveLength(2)
    expect(await usage(foreignAdmin, '?userId=bob')).toEqual([])
    expect((await api.call(alice, 'GET /transactions/limits/usage?userId=bob')).status).toBe(403)
    for (const type of ['transfer', 'withdrawal'])
      await api.call(admin, `DELETE /transactions/limits?userId=bob&type=${type}`)
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

describe('of all users', () => {
  const USERS = ['list-ann', 'list-Ben', 'list-cleo']
  const ids = (items: { userId: string }[]) => items.map(({ userId }) => userId)
  const read = async (api: LedgerApp, path: string, caller = admin) =>
    (await api.call(caller, `GET /admin/${path}`)).body
  const pagesOf = async (api: LedgerApp, path: string) => {
    const pages: string[][] = []
    let cursor = ''
    do {
      const { items, nextCursor } = await read(api, `${path}&limit=1${cursor}`)
      pages.push(ids(items))
      cursor = nextCursor === null ? '' : `&cursor=${nextCursor}`
    } while (cursor !== '')
    return pages
  }

  test.beforeAll(async ({ api }) => {
    for (const userId of USERS) {
      const limit = { userId, maxSum: 10, windowSeconds: 3600 }
      for (const type of ['hold', 'withdrawal'])
        await api.call(admin, 'PUT /transactions/limits', { ...limit, type })
      for (const threshold of [5, 50]) {
        const monitor = { userId, threshold, direction: 'below' }
        await api.call(admin, 'PUT /transactions/monitors', monitor)
      }
    }
    await api.fund('list-Ben', 30.25)
  })

  test.for(['limits', 'monitors'])(
    '%s are read in pages of whole users, and only within the tenant, by its admins',
    async (path, { api }) => {
      const { items, nextCursor } = await read(api, `${path}?search=LIST-`)
      expect(nextCursor).toBeNull()
      expect(ids(items).toSorted()).toEqual(USERS.flatMap((id) => [id, id]).toSorted())
      const pages = await pagesOf(api, `${path}?search=list-`)
      expect(pages).toHaveLength(3)
      expect(pages.flat()).toEqual(ids(items))
      for (const [first, second] of pages) expect(first).toBe(second)

      expect(new Set(ids((await read(api, `${path}?search=ben`)).items))).toEqual(
        new Set(['list-Ben']),
      )
      expect(await read(api, `${path}?search=%25`)).toEqual({ items: [], nextCursor: null })
      expect(await read(api, path, foreignAdmin)).toEqual({ items: [], nextCursor: null })
      expect((await api.call(alice, `GET /admin/${path}`)).status).toBe(403)
    },
  )

  test('come with what is used of them, and the balance that is watched', async ({ api }) => {
    const ben = { sub: 'list-Ben' }
    await api.call(ben, 'POST /transactions/withdrawal', { amount: 6.5 })
    const { items: limits } = await read(api, 'limits?search=list-ben')
    const common = { userId: 'list-Ben', currency: 'USD', maxSum: 10 }
    expect(limits).toMatchObject([
      { ...common, type: 'withdrawal', used: 6.5, left: 3.5, freesAmount: 6.5 },
      { ...common, type: 'hold', used: 0, left: 10 },
    ])
    const { items: monitors } = await read(api, 'monitors?search=list-ben')
    expect(monitors).toMatchObject([
      { userId: 'list-Ben', threshold: 5, balance: 30.25 },
      { userId: 'list-Ben', threshold: 50, balance: 30.25 },
    ])
    const { items: without } = await read(api, 'monitors?search=list-ann')
    expect(without).toMatchObject([{ balance: 0 }, { balance: 0 }])
  })
})
