import { expect } from 'vitest'
import { admin, alice, foreignAdmin, test } from '../support/routes/ledger-app.ts'

const POST = 'POST /admin/revocations'

test('a revocation is answered as it stands, listed, found, and gone once it is lifted', async ({
  api,
}) => {
  const reason = 'lost phone'
  const user = await api.call(admin, POST, { userId: 'bob', reason })
  expect(user).toMatchObject({
    status: 201,
    body: { userId: 'bob', reason, revokedBy: 'ada', expiresAt: null },
  })
  const expiresAt = '2100-01-01T00:00:00.000000Z'
  const token = await api.call(admin, POST, { tokenId: 'a"b\\c', expiresAt })
  expect(token.body).toMatchObject({ tokenId: 'a"b\\c', reason: null, expiresAt })

  const list = async (query: string, by = admin) =>
    (await api.call(by, `GET /admin/revocations${query}`)).body
  expect(await list('')).toEqual({ items: [token.body, user.body], nextCursor: null })
  expect((await list('?userId=bob')).items).toEqual([user.body])
  expect((await list(`?tokenId=${encodeURIComponent('a"b\\c')}`)).items).toEqual([token.body])
  expect((await list('?tokenId=bob')).items).toEqual([])
  const page = await list('?limit=1')
  expect(page.items).toEqual([token.body])
  expect((await list(`?limit=1&cursor=${page.nextCursor}`)).items).toEqual([user.body])

  expect((await list('', foreignAdmin)).items).toEqual([])
  const lift = `DELETE /admin/revocations/${user.body.id}`
  expect((await api.call(foreignAdmin, lift)).status).toBe(404)
  expect(await api.call(admin, lift)).toMatchObject({ status: 200, body: { deleted: 1 } })
  expect((await api.call(admin, lift)).status).toBe(404)
  expect((await list('')).items).toEqual([token.body])
})

test('one is over by itself when its token is', async ({ api }) => {
  await api.call(admin, POST, { tokenId: 'over', expiresAt: '2020-01-01T00:00:00Z' })
  const { body } = await api.call(admin, 'GET /admin/revocations?tokenId=over')
  expect(body.items).toEqual([])
})

test.for([
  {},
  { userId: 'bob', tokenId: 't' },
  { userId: 'bob', expiresAt: '2100-01-01' },
  { userId: 'b ob' },
  { tokenId: '' },
  { tokenId: 'a\u0000' },
  { tokenId: 'x'.repeat(513) },
  { tokenId: 't', expiresAt: 'tomorrow' },
  { userId: 'bob', tenant: 'other' },
])('%j is refused', async (body, { api }) => {
  expect(await api.call(admin, POST, body)).toMatchObject({
    status: 400,
    body: { code: 'invalid_request' },
  })
})

test('a user revokes nobody, not even themselves', async ({ api }) => {
  expect((await api.call(alice, POST, { userId: 'alice' })).status).toBe(403)
})
