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
})
afterAll(() => it.close())

const request = async (amount: unknown = 50, caller = alice) =>
  (await it.call(caller, 'POST /transactions/topup', { amount, description: 'cash' })).body
const process = (id: string, body: unknown, caller = admin) =>
  it.call(caller, `PATCH /transactions/topup/${id}/process`, body)
const balance = async (caller = alice) =>
  (await it.call(caller, 'GET /transactions/balance')).body.balance

describe('a topup', () => {
  test('waits for an admin and moves no money before', async () => {
    const before = await balance()
    expect(await request(150.5)).toMatchObject({
      userId: 'alice',
      type: 'topup',
      amount: 150.5,
      currency: 'USD',
      status: 'pending',
      description: 'cash',
      processedBy: null,
      newBalance: null,
    })
    expect(await balance()).toBe(before)
  })

  test('moves the money when an admin approves it', async () => {
    const before = await balance()
    const { id } = await request(50)
    const { status, body } = await process(id, { status: 'success', adminNotes: 'counted' })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      id,
      status: 'success',
      processedBy: 'ada',
      adminNotes: 'counted',
      previousBalance: before,
      newBalance: before + 50,
    })
    expect(await balance()).toBe(before + 50)
  })

  test('moves nothing when it is rejected', async () => {
    const before = await balance()
    const { id } = await request()
    const { body } = await process(id, { status: 'failed', adminNotes: 'no cash seen' })
    expect(body).toMatchObject({ status: 'failed', adminNotes: 'no cash seen' })
    expect(await balance()).toBe(before)
  })

  test('is processed once: a second time is 409, whatever it says', async () => {
    const { id } = await request()
    await process(id, { status: 'success' })
    const before = await balance()
    for (const status of ['success', 'failed']) {
      const again = await process(id, { status })
      expect(again.status).toBe(409)
      expect(again.body.code).toBe('already_processed')
    }
    expect(await balance()).toBe(before)
  })

  test('can be cancelled by its user while it waits, and by nobody else', async () => {
    const { id } = await request()
    const cancel = (caller = alice) => it.call(caller, `POST /transactions/topup/${id}/cancel`)
    expect((await cancel(bob)).status).toBe(404)
    expect((await cancel()).body.status).toBe('cancelled')
    expect((await cancel()).status).toBe(409)
    expect((await process(id, { status: 'success' })).status).toBe(409)
  })

  test('cannot be approved by the admin who asked for it', async () => {
    const { id } = await request(5, admin)
    const { status, body } = await process(id, { status: 'success' })
    expect(status).toBe(403)
    expect(body.code).toBe('self_approval')
  })

  test('of another tenant is not there', async () => {
    const { id } = await request()
    expect((await process(id, { status: 'success' }, foreignAdmin)).status).toBe(404)
  })

  test('is found among the pending ones until it is processed', async () => {
    const { id } = await request(7, bob)
    const pending = async () => {
      const { body } = await it.call(admin, 'GET /transactions/topup/pending?userId=bob')
      return body.items.map((item: { id: string }) => item.id)
    }
    expect(await pending()).toContain(id)
    await process(id, { status: 'failed' })
    expect(await pending()).not.toContain(id)
    const { body } = await it.call(admin, 'GET /transactions/topup/all?userId=bob&status=failed')
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
  const list = async (path: string, search: string): Promise<Waiting> =>
    (await it.call(admin, `GET ${path}?userId=wanda&${search}`)).body
  const ids = ({ items }: Waiting) => items.map(({ id }) => id)

  test('is counted, and read oldest first page by page: topups and withdrawals together', async () => {
    const wanda = { sub: 'wanda' }
    await it.fund('wanda', 100)
    const opened: string[] = []
    for (const [path, currency] of [
      ['topup', 'USD'],
      ['withdrawal', 'USD'],
      ['topup', 'JPY'],
      ['withdrawal', 'USD'],
      ['topup', 'USD'],
    ]) {
      const body = { amount: 1, currency }
      opened.push((await it.call(wanda, `POST /transactions/${path}`, body)).body.id)
    }
    // An open hold waits for no admin.
    await it.call(wanda, 'POST /transactions/hold', { amount: 1 })

    const first = await list('/admin/requests', 'limit=2')
    expect(first).toMatchObject({ total: 5, offset: 0, nextCursor: opened[1] })
    expect(ids(first)).toEqual(opened.slice(0, 2))
    const second = await list('/admin/requests', `limit=2&cursor=${first.nextCursor}`)
    expect(second).toMatchObject({ total: 5, offset: 2, nextCursor: opened[3] })
    expect(ids(second)).toEqual(opened.slice(2, 4))

    // A decision on the page before moves this one up.
    await process(String(opened[0]), { status: 'failed' })
    const third = await list('/admin/requests', `limit=2&cursor=${second.nextCursor}`)
    expect(third).toMatchObject({ total: 4, offset: 3, nextCursor: null })
    expect(ids(third)).toEqual(opened.slice(4))

    const newest = await list('/admin/requests', `order=desc&cursor=${opened[3]}`)
    expect(newest).toMatchObject({ total: 4, offset: 2 })
    expect(ids(newest)).toEqual([opened[2], opened[1]])
    expect(ids(await list('/admin/requests', 'type=withdrawal'))).toEqual([opened[1], opened[3]])
    expect(await list('/admin/requests', 'currency=JPY')).toMatchObject({ total: 1 })

    const topups = await list('/transactions/topup/pending', 'limit=1')
    expect(topups).toMatchObject({ total: 2, offset: 0, nextCursor: opened[4] })
    const oldest = await list('/transactions/topup/pending', 'order=asc')
    expect(ids(oldest)).toEqual([opened[2], opened[4]])
  })

  test('of nobody is nothing', async () => {
    expect(await list('/admin/requests', 'type=withdrawal&currency=KWD')).toEqual({
      items: [],
      nextCursor: null,
      total: 0,
      offset: 0,
    })
  })
})

describe('an Idempotency-Key', () => {
  const topup = (key: string, body: unknown, caller = alice) =>
    it.call(caller, 'POST /transactions/topup', body, { 'Idempotency-Key': key })

  test('gives the first answer again, and says so', async () => {
    const first = await topup('k1', { amount: 12.5 })
    const second = await topup('k1', { amount: '12.50' })
    expect(first.headers.get('Idempotency-Replayed')).toBeNull()
    expect(second.headers.get('Idempotency-Replayed')).toBe('true')
    expect(second.status).toBe(201)
    expect(second.text).toBe(first.text)
  })

  test('gives the first answer also after the transaction has moved on', async () => {
    const first = await topup('k2', { amount: 3 })
    await process(first.body.id, { status: 'failed' })
    expect((await topup('k2', { amount: 3 })).text).toBe(first.text)
  })

  test('of concurrent twins opens one transaction', async () => {
    const twins = await Promise.all(Array.from({ length: 8 }, () => topup('k3', { amount: 4 })))
    expect(new Set(twins.map(({ body }) => body.id)).size).toBe(1)
  })

  test('with another body is 422', async () => {
    await topup('k4', { amount: 3 })
    const other = await topup('k4', { amount: 4 })
    expect(other.status).toBe(422)
    expect(other.body.code).toBe('idempotency_key_reused')
  })

  test('is each user’s own', async () => {
    const [a, b] = [await topup('k5', { amount: 3 }), await topup('k5', { amount: 3 }, bob)]
    expect(b.body.id).not.toBe(a.body.id)
    expect(b.headers.get('Idempotency-Replayed')).toBeNull()
  })

  test('remembers a refusal: the retry of a refused payment never succeeds', async () => {
    const pay = () =>
      it.call(
        bob,
        'POST /transactions',
        { type: 'booking_payment', amount: 40 },
        { 'Idempotency-Key': 'k6' },
      )
    expect((await pay()).status).toBe(402)
    await it.fund('bob', 100)
    const again = await pay()
    expect(again.status).toBe(402)
    expect(again.headers.get('Idempotency-Replayed')).toBe('true')
    expect(await balance(bob)).toBe(100)
  })
})
