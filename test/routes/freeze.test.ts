import { expect } from 'vitest'
import { admin, alice, bob, service, test } from '../support/routes/ledger-app.ts'

const FREEZE = '/transactions/wallets/alice/freeze'
const pay = { type: 'booking_payment', amount: 1 }

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 100)
  await api.call(bob, 'GET /transactions/balance')
})

test('a frozen wallet refuses, says what is frozen, and works again afterwards', async ({
  api,
}) => {
  const frozen = await api.call(admin, `POST ${FREEZE}`, { debits: true, reason: 'a dispute' })
  expect(frozen.body).toMatchObject({
    ...{ userId: 'alice', debits: true, credits: false },
    history: [{ debits: true, credits: false, reason: 'a dispute', changedBy: 'ada' }],
  })
  const refused = await api.call(alice, 'POST /transactions', pay)
  expect([refused.status, refused.body]).toMatchObject([
    403,
    { code: 'wallet_frozen', details: { frozen: 'debits' } },
  ])
  const wouldBe = await api.call(alice, 'POST /transactions', { ...pay, dryRun: true })
  expect(wouldBe.body).toMatchObject({ code: 'wallet_frozen' })
  const afford = await api.call(alice, 'GET /transactions/can-afford?amount=1')
  expect(afford.body).toEqual({ ok: false, reason: 'frozen', available: 100, currency: 'USD' })
  const bulk = await api.call(service, 'POST /transactions/bulk', {
    commands: [{ ...pay, userId: 'alice' }],
  })
  expect(bulk.body.results).toMatchObject([{ code: 'wallet_frozen' }])

  const unfrozen = await api.call(admin, `DELETE ${FREEZE}?reason=settled`)
  expect(unfrozen.body).toMatchObject({ debits: false, history: [{ reason: 'settled' }, {}] })
  expect((await api.call(alice, 'POST /transactions', pay)).status).toBe(201)
})

test('without a word about either, both are frozen; the receiver’s freeze is the sender’s to hear', async ({
  api,
}) => {
  const { body } = await api.call(admin, 'POST /transactions/wallets/bob/freeze', {})
  expect(body).toMatchObject({ debits: true, credits: true })
  const sent = await api.call(alice, 'POST /transactions/transfer', { toUserId: 'bob', amount: 1 })
  expect(sent.body).toMatchObject({
    ...{ code: 'wallet_frozen', details: { frozen: 'credits', userId: 'bob' } },
  })
  const gift = { userId: 'bob', amount: 1, description: 'put right' }
  expect((await api.call(admin, 'POST /transactions/adjustment', gift)).status).toBe(201)
})

test('balances say what is frozen, and nothing if nothing is', async ({ api }) => {
  await api.call(admin, `POST ${FREEZE}`, { credits: true })
  const balance = await api.call(alice, 'GET /transactions/balance')
  expect(balance.body).toMatchObject({ frozen: 'credits' })
  const { body } = await api.call(admin, 'GET /admin/wallets?search=alice')
  expect(body.items).toMatchObject([{ userId: 'alice', frozen: 'credits' }])
  await api.call(admin, `DELETE ${FREEZE}`)
  expect((await api.call(alice, 'GET /transactions/balance')).body).not.toHaveProperty('frozen')
})

test('a freeze is repeated by its key once, and nobody decides on their own wallet', async ({
  api,
}) => {
  const key = { 'Idempotency-Key': 'f-1' }
  const first = await api.call(admin, `POST ${FREEZE}`, { debits: true }, key)
  await api.call(admin, `DELETE ${FREEZE}`)
  const again = await api.call(admin, `POST ${FREEZE}`, { debits: true }, key)
  expect(again.body).toEqual(first.body)
  expect(again.headers.get('Idempotency-Replayed')).toBe('true')
  expect((await api.call(admin, `GET ${FREEZE}`)).body).toMatchObject({ debits: false })
  const own = await api.call(admin, 'POST /transactions/wallets/ada/freeze', {})
  expect([own.status, own.body.code]).toEqual([403, 'self_approval'])
  const unknown = await api.call(admin, 'POST /transactions/wallets/nobody/freeze', {})
  expect([unknown.status, unknown.body.code]).toEqual([404, 'unknown_user'])
})
