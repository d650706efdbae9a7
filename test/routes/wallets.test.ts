import { expect } from 'vitest'
import { admin, alice, foreignAdmin, type LedgerApp, test } from '../support/routes/ledger-app.ts'

test.beforeAll(async ({ api }) => {
  for (const [user, amount] of [
    ['alice', 100],
    ['Bob', 20.5],
    ['carol', 3],
  ] as const) {
    await api.fund(user, amount)
  }
})

const wallets = async (api: LedgerApp, search: string, who = admin) =>
  (await api.call(who, `GET /admin/wallets${search}`)).body

test('an admin sees everyone of the tenant and what they can spend', async ({ api }) => {
  await api.call(alice, 'POST /transactions/hold', { amount: 40, expiresIn: 600 })
  const { items, nextCursor } = await wallets(api, '')
  expect(nextCursor).toBeNull()
  const found = items.find(({ userId }: { userId: string }) => userId === 'alice')
  expect(found).toMatchObject({ currency: 'USD', balance: 100, held: 40, available: 60 })
  expect(await wallets(api, '', foreignAdmin)).toMatchObject({ items: [] })
})

test('a part of the user id is enough, in any case of letters, and means nothing else', async ({
  api,
}) => {
  const ids = async (search: string) =>
    (await wallets(api, `?search=${search}`)).items.map(({ userId }: { userId: string }) => userId)
  expect(await ids('BO')).toEqual(['Bob'])
  expect(await ids('%25')).toEqual([])
  expect(await ids('_')).toEqual([])
})

test('pages put together are the whole, each user once', async ({ api }) => {
  const { items: whole } = await wallets(api, '')
  const ids: string[] = []
  let cursor = ''
  for (;;) {
    const { items, nextCursor } = await wallets(api, `?limit=1${cursor}`)
    ids.push(...items.map(({ userId }: { userId: string }) => userId))
    if (nextCursor === null) break
    cursor = `&cursor=${nextCursor}`
  }
  expect(ids).toEqual(whole.map(({ userId }: { userId: string }) => userId))
})

test('a user without money in a currency has zero of it', async ({ api }) => {
  const { items } = await wallets(api, '?currency=EUR&search=carol')
  expect(items).toMatchObject([{ userId: 'carol', currency: 'EUR', balance: 0, available: 0 }])
})

test('a user’s money in other currencies is seen, whatever the currency that was asked for', async ({
  api,
}) => {
  await api.fund('kenji', 250_000, 'JPY')
  await api.fund('kenji', 1.234, 'KWD')
  const { items } = await wallets(api, '?search=kenji')
  expect(items).toMatchObject([
    {
      currency: 'USD',
      balance: 0,
      balances: [
        { currency: 'JPY', balance: 250_000, held: 0, available: 250_000 },
        { currency: 'KWD', balance: 1.234, held: 0, available: 1.234 },
      ],
    },
  ])
})
