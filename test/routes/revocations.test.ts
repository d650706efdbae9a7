import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  admin,
  alice,
  foreignAdmin,
  type LedgerApp,
  ledgerApp,
} from '../support/routes/ledger-app.ts'

let it: LedgerApp
beforeAll(async () => {
  it = await ledgerApp()
})
afterAll(() => it.close())

const POST = 'POST /admin/revocations'

test('a revocation is answered as it stands, listed, found, and gone once it is lifted', async () => {
  const reason = 'lost phone'
  const user = await it.call(admin, POST, { userId: 'bob', reason })
  expect(user).toMatchObject({
    status: 201,
    body: { userId: 'bob', reason, revokedBy: 'ada', expiresAt: null },
  })
  const expiresAt = '2100-01-01T00:00:00.000000Z'
  const token = await it.call(admin, POST, { tokenId: 'a"b\\c', expiresAt })
  expect(token.body).toMatchObject({ tokenId: 'a"b\\c', reason: null, expiresAt })

  const list = async (query: string, by = admin) =>
    (await it.call(by, `GET /admin/revocations${query}`)).body
  expect(await list('')).toEqual({ items: [token.body, user.body], nextCursor: null })
  expect((await list('?userId=bob')).items).toEqual([user.body])
  expect((await list(`?tokenId=${encodeURIComponent('a"b\\c')}`)).items).toEqual([token.body])
  expect((await list('?tokenId=bob')).items).toEqual([])
  const page = await list('?limit=1')
  expect(page.items).toEqual([token.body])
  expect((await list(`?limit=1&cursor=${page.nextCursor}`)).items).toEqual([user.body])

  expect((await list('', foreignAdmin)).items).toEqual([])
  const lift = `DELETE /admin/revocations/${user.body.id}`
  expect((await it.call(foreignAdmin, lift)).status).toBe(404)
  expect(await it.call(admin, lift)).toMatchObject({ status: 200, body: { deleted: 1 } })
  expect((await it.call(admin, lift)).status).toBe(404)
  expect((await list('')).items).toEqual([token.body])
})

test('one is over by itself when its token is', async () => {
  await it.call(admin, POST, { tokenId: 'over', expiresAt: '2020-01-01T00:00:00Z' })
  const { body } = await it.call(admin, 'GET /admin/revocations?tokenId=over')
  expect(body.items).toEqual([])
})

test.each([
  {},
  { userId: 'bob', tokenId: 't' },
  { userId: 'bob', expiresAt: '2100-01-01' },
  { userId: 'b ob' },
  { tokenId: '' },
  { tokenId: 'a\u0000' },
  { tokenId: 'x'.repeat(513) },
  { tokenId: 't', expiresAt: 'tomorrow' },
  { userId: 'bob', tenant: 'other' },
])('%j is refused', async (body) => {
  expect(await it.call(admin, POST, body)).toMatchObject({
    status: 400,
    body: { code: 'invalid_request' },
  })
})

test('a user revokes nobody, not even themselves', async () => {
  expect((await it.call(alice, POST, { userId: 'alice' })).status).toBe(403)
})
