import { describe, expect } from 'vitest'
import {
  admin,
  alice,
  bob,
  foreignAdmin,
  type LedgerApp,
  test,
} from '../support/routes/ledger-app.ts'

const request = async (api: LedgerApp, amount: unknown = 50, caller = alice) =>
  (await api.call(caller, 'POST /transactions/topup', { amount, description: 'cash' })).body
const process = (api: LedgerApp, id: string, body: unknown, caller = admin) =>
  api.call(caller, `PATCH /transactions/topup/${id}/process`, body)
const balance = async (api: LedgerApp, caller = alice) =>
  (await api.call(caller, 'GET /transactions/balance')).body.balance

describe('a topup', () => {
  test('waits for an admin and moves no money before', async ({ api }) => {
    const before = await balance(api)
    expect(await request(api, 150.5)).toMatchObject({
      userId: 'alice',
      type: 'topup',
      amount: 150.5,
      currency: 'USD',
      status: 'pending',
      description: 'cash',
      processedBy: null,
      newBalance: null,
    })
    expect(await balance(api)).toBe(before)
  })

  test('moves the money when an admin approves it', async ({ api }) => {
    const before = await balance(api)
    const { id } = await request(api, 50)
    const { status, body } = await process(api, id, { status: 'success', adminNotes: 'counted' })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      id,
      status: 'success',
      processedBy: 'ada',
      adminNotes: 'counted',
      previousBalance: before,
      newBalance: before + 50,
    })
    expect(await balance(api)).toBe(before + 50)
  })

  test('moves nothing when it is rejected', async ({ api }) => {
    const before = await balance(api)
    const { id } = await request(api)
    const { body } = await process(api, id, { status: 'failed', adminNotes: 'no cash seen' })
    expect(body).toMatchObject({ status: 'failed', adminNotes: 'no cash seen' })
    expect(await balance(api)).toBe(before)
  })

  test('is processed once: a second time is 409, whatever it says', async ({ api }) => {
    const { id } = await request(api)
    await process(api, id, { status: 'success' })
    const before = await balance(api)
    for (const status of ['success', 'failed']) {
      const again = await process(api, id, { status })
      expect(again.status).toBe(409)
      expect(again.body.code).toBe('already_processed')
    }
    expect(await balance(api)).toBe(before)
  })

  test('can be cancelled by its user while it waits, and by nobody else', async ({ api }) => {
    const { id } = await request(api)
    const cancel = (caller = alice) => api.call(caller, `POST /transactions/topup/${id}/cancel`)
    expect((await cancel(bob)).status).toBe(404)
    expect((await cancel()).body.status).toBe('cancelled')
    expect((await cancel()).status).toBe(409)
    expect((await process(api, id, { status: 'success' })).status).toBe(409)
  })

  test('cannot be approved by the admin who asked for it', async ({ api }) => {
    const { id } = await request(api, 5, admin)
    const { status, body } = await process(api, id, { status: 'success' })
    expect(status).toBe(403)
    expect(body.code).toBe('self_approval')
  })

  test('of another tenant is not there', async ({ api }) => {
    const { id } = await request(api)
    expect((await process(api, id, { status: 'success' }, foreignAdmin)).status).toBe(404)
  })

  test('is found among the pending ones until it is processed', async ({ api }) => {
    const { id } = await request(api, 7, bob)
    const pending = async () => {
      const { body } = await api.call(admin, 'GET /transactions/topup/pending?userId=bob')
      return body.items.map((item: { id: string }) => item.id)
    }
    expect(await pending()).toContain(id)
    await process(api, id, { status: 'failed' })
    expect(await pending()).not.toContain(id)
    const { body } = await api.call(admin, 'GET /transactions/topup/all?userId=bob&status=failed')
    expect(body.items[0].id).toBe(id)
  })
})

describe('what waits for an admin', () => {
  interface Waiting {
    items: { id: string; type: string; currency: string }[]
    nextCursor: string | null
    total: number
    offset: number
  }
  const list = async (api: LedgerApp, path: string, search: string): Promise<Waiting> =>
    (await api.call(admin, `GET ${path}?userId=wanda&${search}`)).body
  const ids = ({ items }: Waiting) => items.map(({ id }) => id)

  test('is counted, and read oldest first page by page: topups and withdrawals together', async ({
    api,
  }) => {
    const wanda = { sub: 'wanda' }
    await api.fund('wanda', 100)
    const opened: string[] = []
    for (const [path, currency] of [
      ['topup', 'USD'],
      ['withdrawal', 'USD'],
      ['topup', 'JPY'],
      ['withdrawal', 'USD'],
      ['topup', 'USD'],
    ]) {
      const body = { amount: 1, currency }
      opened.push((await api.call(wanda, `POST /transactions/${path}`, body)).body.id)
    }
    // An open hold waits for no admin.
    await api.call(wanda, 'POST /transactions/hold', { amount: 1 })

    const first = await list(api, '/admin/requests', 'limit=2')
    expect(first).toMatchObject({ total: 5, offset: 0, nextCursor: opened[1] })
    expect(ids(first)).toEqual(opened.slice(0, 2))
    const second = await list(api, '/admin/requests', `limit=2&cursor=${first.nextCursor}`)
    expect(second).toMatchObject({ total: 5, offset: 2, nextCursor: opened[3] })
    expect(ids(second)).toEqual(opened.slice(2, 4))

    // A decision on the page before moves this one up.
    await process(api, String(opened[0]), { status: 'failed' })
    const third = await list(api, '/admin/requests', `limit=2&cursor=${second.nextCursor}`)
    expect(third).toMatchObject({ total: 4, offset: 3, nextCursor: null })
    expect(ids(third)).toEqual(opened.slice(4))

    const newest = await list(api, '/admin/requests', `order=desc&cursor=${opened[3]}`)
    expect(newest).toMatchObject({ total: 4, offset: 2 })
    expect(ids(newest)).toEqual([opened[2], opened[1]])
    expect(ids(await list(api, '/admin/requests', 'type=withdrawal'))).toEqual([
      opened[1],
      opened[3],
    ])
    expect(await list(api, '/admin/requests', 'currency=JPY')).toMatchObject({ total: 1 })

    const topups = await list(api, '/transactions/topup/pending', 'limit=1')
    expect(topups).toMatchObject({ total: 2, offset: 0, nextCursor: opened[4] })
    const oldest = await list(api, '/transactions/topup/pending', 'order=asc')
    expect(ids(oldest)).toEqual([opened[2], opened[4]])
  })

  test('of nobody is nothing', async ({ api }) => {
    expect(await list(api, '/admin/requests', 'type=withdrawal&currency=KWD')).toEqual({
      items: [],
      nextCursor: null,
      total: 0,
      offset: 0,
    })
  })
})

describe('an Idempotency-Key', () => {
  const topup = (api: LedgerApp, key: string, body: unknown, caller = alice) =>
    api.call(caller, 'POST /transactions/topup', body, { 'Idempotency-Key': key })

  test('gives the first answer again, and says so', async ({ api }) => {
    const first = await topup(api, 'k1', { amount: 12.5 })
    const second = await topup(api, 'k1', { amount: '12.50' })
    expect(first.headers.get('Idempotency-Replayed')).toBeNull()
    expect(second.headers.get('Idempotency-Replayed')).toBe('true')
    expect(second.status).toBe(201)
    expect(second.text).toBe(first.text)
  })

  test('gives the first answer also after the transaction has moved on', async ({ api }) => {
    const first = await topup(api, 'k2', { amount: 3 })
    await process(api, first.body.id, { status: 'failed' })
    expect((await topup(api, 'k2', { amount: 3 })).text).toBe(first.text)
  })

  test('of concurrent twins opens one transaction', async ({ api }) => {
    const twins = await Promise.all(
      Array.from({ length: 8 }, () => topup(api, 'k3', { amount: 4 })),
    )
    expect(new Set(twins.map(({ body }) => body.id)).size).toBe(1)
  })

  test('with another body is 422', async ({ api }) => {
    await topup(api, 'k4', { amount: 3 })
    const other = await topup(api, 'k4', { amount: 4 })
    expect(other.status).toBe(422)
    expect(other.body.code).toBe('idempotency_key_reused')
  })

  test('is each user’s own', async ({ api }) => {
    const [a, b] = [
      await topup(api, 'k5', { amount: 3 }),
      await topup(api, 'k5', { amount: 3 }, bob),
    ]
    expect(b.body.id).not.toBe(a.body.id)
    expect(b.headers.get('Idempotency-Replayed')).toBeNull()
  })

  test('remembers a refusal: the retry of a refused payment never succeeds', async ({ api }) => {
    const pay = () =>
      api.call(
        bob,
        'POST /transactions',
        { type: 'booking_payment', amount: 40 },
        { 'Idempotency-Key': 'k6' },
      )
    expect((await pay()).status).toBe(402)
    await api.fund('bob', 100)
    const again = await pay()
    expect(again.status).toBe(402)
    expect(again.headers.get('Idempotency-Replayed')).toBe('true')
    expect(await balance(api, bob)).toBe(100)
  })
})
