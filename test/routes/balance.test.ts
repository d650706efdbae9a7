import { describe, expect } from 'vitest'
import {
  admin,
  alice,
  bob,
  foreignAdmin,
  type LedgerApp,
  ledgerApp,
  test,
} from '../support/routes/ledger-app.ts'

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 100)
})

const get = (api: LedgerApp, path: string, caller = alice) =>
  api.call(caller, `GET /transactions/balance${path}`)

describe('the cached balance', () => {
  test('says truthfully whether the cache had it', async ({ api }) => {
    expect((await get(api, '/cached')).body).toEqual({ balance: 100, cached: false })
    expect((await get(api, '/cached')).body).toEqual({ balance: 100, cached: true })
  })

  test('has every digit that is cached', async ({ api }) => {
    await api.cache.fill({ tenant: 'default', userId: 'rich' }, 'USD', 9_007_199_254_740_991n, 1)
    const { text } = await get(api, '/cached', { sub: 'rich' })
    expect(text).toBe('{"balance":90071992547409.91,"cached":true}')
  })

  test('is read from Postgres while the cache is unavailable', async () => {
    const away = await ledgerApp({
      cache: { cachedBalance: async () => null, fill: async () => {} },
    })
    await away.fund('alice', 7.25)
    const { body } = await away.call(alice, 'GET /transactions/balance/cached')
    expect(body).toEqual({ balance: 7.25, cached: false })
    await away.close()
  })
})

describe('the balance over time', () => {
  const sums = async (api: LedgerApp, path: string, caller: { sub: string }) =>
    (await get(api, `/series${path}`, caller)).body.items.map(
      ({ balance }: { balance: number }) => balance,
    )

  test('is what it was at each moment, both ends included', async ({ api }) => {
    const sara = { sub: 'sara' }
    for (const amount of [10, 20, 30]) await api.fund('sara', amount)
    const { body } = await api.call(sara, 'GET /transactions/my-transactions')
    const [third, second, first] = body.items.map((item: { updatedAt: string }) => item.updatedAt)
    const between = (from: string, to: string, points: number) =>
      sums(api, `?from=${from}&to=${to}&points=${points}`, sara)
    expect(await between('2020-01-01', first, 3)).toEqual([0, 0, 10])
    expect(await between(first, second, 2)).toEqual([10, 30])
    expect(await between(second, third, 2)).toEqual([30, 60])
    // Each point says what the balance at that moment is.
    const { items } = (await get(api, '/series?points=7', sara)).body
    expect(items.map(({ balance }: { balance: number }) => balance)).toHaveLength(7)
    for (const { at, balance } of items) {
      expect((await get(api, `?at=${encodeURIComponent(at)}`, sara)).body.balance).toBe(balance)
    }
    expect([items[0].balance, items[0].at, items[6].balance]).toEqual([10, first, 60])
  })

  test('is empty where no money has moved, and of one currency', async ({ api }) => {
    const tina = { sub: 'tina' }
    expect(await sums(api, '', tina)).toEqual([])
    await api.fund('tina', 5000, 'JPY')
    expect(await sums(api, '', tina)).toEqual([])
    expect(await sums(api, '?currency=JPY&points=2', tina)).toEqual([5000, 5000])
  })

  test.for(['?points=1', '?points=501', '?points=x', '?from=2024-01-02&to=2024-01-01'])(
    'is refused for %s',
    async (search, { api }) => {
      expect((await get(api, `/series${search}`)).status).toBe(400)
    },
  )

  test('of another user is for an admin of the tenant alone', async ({ api }) => {
    expect((await get(api, '/series?userId=alice', bob)).status).toBe(403)
    expect((await get(api, '/series?userId=alice', foreignAdmin)).body.items).toEqual([])
  })
})

describe('the balance', () => {
  test('shows what is held and what can be spent', async ({ api }) => {
    await api.call(alice, 'POST /transactions/hold', { amount: 30 })
    expect((await get(api, '')).body).toMatchObject({
      balance: 100,
      held: 30,
      available: 70,
      currency: 'USD',
      seq: expect.any(Number),
      updatedAt: expect.any(String),
    })
  })

  test('of an unknown user is 404 for an admin, and the reads create no user', async ({ api }) => {
    const reads = ['', '/cached', '/all', '/snapshot']
    for (const path of reads) {
      expect([path, (await get(api, `${path}?userId=nobody`, admin)).status]).toEqual([path, 404])
    }
    const transfer = { toUserId: 'nobody', amount: 1 }
    const { body } = await api.call(alice, 'POST /transactions/transfer', transfer)
    expect(body.code).toBe('unknown_user')
    // A caller's own read does: from then on others can send money.
    expect((await get(api, '', { sub: 'nobody' })).body.balance).toBe(0)
    for (const path of ['', '/cached', '/all']) {
      expect([path, (await get(api, `${path}?userId=nobody`, admin)).status]).toEqual([path, 200])
    }
  })

  test('is kept by currency', async ({ api }) => {
    await api.fund('alice', 5000, 'JPY')
    await api.fund('alice', 1.234, 'KWD')
    expect((await get(api, '?currency=JPY')).body.balance).toBe(5000)
    expect((await get(api, '?currency=KWD')).body.balance).toBe(1.234)
    expect((await get(api, '?currency=EUR')).body.balance).toBe(0)
    expect((await get(api, '?currency=usd')).body.code).toBe('unknown_currency')
  })

  test('is listed in every currency, whatever the server’s own is', async ({ api }) => {
    const kate = { sub: 'kate' }
    expect((await get(api, '/all', kate)).body).toEqual({ items: [], seq: 0 })
    await api.fund('kate', 250_000, 'JPY')
    await api.fund('kate', 1.234, 'KWD')
    await api.call(kate, 'POST /transactions/hold', { amount: 50_000, currency: 'JPY' })
    const { body } = await get(api, '/all?userId=kate', admin)
    expect(body.items).toMatchObject([
      { currency: 'JPY', balance: 250_000, held: 50_000, available: 200_000 },
      { currency: 'KWD', balance: 1.234, held: 0, available: 1.234 },
    ])
    expect(body.seq).toBe((await get(api, '', kate)).body.seq)
  })

  test('of a user who does not exist is 404, and asking brings nobody into being', async ({
    api,
  }) => {
    for (let i = 0; i < 2; i++) {
      const { status, body } = await get(api, '/all?userId=phantom', admin)
      expect([status, body.code]).toEqual([404, 'unknown_user'])
    }
    expect((await get(api, '/all?userId=alice', bob)).status).toBe(403)
    expect((await get(api, '/all?userId=alice', foreignAdmin)).status).toBe(404)
  })

  test('can be asked for as it stood at a time', async ({ api }) => {
    const dave = { sub: 'dave' }
    await api.fund('dave', 10)
    const { body } = await api.call(dave, 'GET /transactions/my-transactions')
    const at = body.items[0].updatedAt as string
    await api.fund('dave', 5)
    const then = await get(api, `?at=${encodeURIComponent(at)}`, dave)
    expect(then.body).toEqual({ balance: 10, currency: 'USD', at })
    expect((await get(api, '?at=2020-01-01', dave)).body.balance).toBe(0)
    // As long as somebody likes, and not rounded up into what came after.
    const { status, body: long } = await get(api, `?at=${at.slice(0, -1)}${'9'.repeat(200)}Z`, dave)
    expect([status, long.balance]).toEqual([200, 10])
    expect((await get(api, '', dave)).body.balance).toBe(15)
  })

  test('of somebody who never had any is zero', async ({ api }) => {
    expect((await get(api, '', { sub: 'new' })).body).toMatchObject({ balance: 0, available: 0 })
  })

  test('of another user is for an admin of the tenant alone', async ({ api }) => {
    expect((await get(api, '?userId=alice', admin)).body.balance).toBe(100)
    expect((await get(api, '?userId=alice', bob)).status).toBe(403)
    expect((await get(api, '?userId=alice', foreignAdmin)).status).toBe(404)
  })
})

test('the snapshot is the stored row; who has none gets 404', async ({ api }) => {
  expect((await get(api, '/snapshot')).body).toMatchObject({
    userId: 'alice',
    currency: 'USD',
    balance: 100,
    version: 1,
  })
  expect((await get(api, '/snapshot', { sub: 'unknown' })).status).toBe(404)
})
