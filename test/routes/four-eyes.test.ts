import { expect } from 'vitest'
import { admin, alice, bob, type Caller, service, test } from '../support/routes/ledger-app.ts'

const max: Caller = { sub: 'max', roles: ['admin'] }

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 100)
  await api.call(bob, 'GET /transactions/balance')
  const { status } = await api.call(admin, 'PUT /admin/settings', {
    fourEyes: [{ currency: 'USD', amount: '50.00' }],
  })
  expect(status).toBe(200)
})

test('the rule is shown in major units, and loosened only by another admin', async ({ api }) => {
  const put = (by: Caller, amount: number | null) =>
    api.call(by, 'PUT /admin/settings', { fourEyes: [{ currency: 'JPY', amount }] })
  await put(admin, 500)
  const asked = await put(admin, null)
  const rule = (body: { fourEyes: { currency: string }[] }) =>
    body.fourEyes.find(({ currency }) => currency === 'JPY')
  expect(rule(asked.body)).toMatchObject({
    ...{
      amount: 500,
      askedBy: 'ada',
      secondedBy: null,
      proposal: { amount: null, askedBy: 'ada' },
    },
  })
  expect(rule((await put(max, null)).body)).toMatchObject({ amount: null, secondedBy: 'max' })
  const wrong = { fourEyes: [{ currency: 'USD', amount: -1 }] }
  const refused = await api.call(admin, 'PUT /admin/settings', wrong)
  expect(refused.body).toMatchObject({
    code: 'invalid_amount',
    details: { field: 'fourEyes.0.amount' },
  })
})

test('a large topup stays pending until a second admin approves it, and is listed meanwhile', async ({
  api,
}) => {
  const { body } = await api.call(alice, 'POST /transactions/topup', { amount: 51 })
  const approve = (by: Caller, key: string) =>
    api.call(
      by,
      `PATCH /transactions/topup/${body.id}/process`,
      { status: 'success' },
      {
        'Idempotency-Key': key,
      },
    )
  const first = await approve(admin, 't-1')
  expect(first.body).toMatchObject({ status: 'pending', approvedBy: 'ada', processedBy: null })
  expect((await approve(admin, 't-1')).headers.get('Idempotency-Replayed')).toBe('true')
  const same = await approve(admin, 't-2')
  expect([same.status, same.body.code]).toEqual([403, 'second_admin_required'])
  const waiting = async (which: string) =>
    (await api.call(admin, `GET /admin/requests?waitingFor=${which}`)).body
  expect(await waiting('second')).toMatchObject({ total: 1, items: [{ id: body.id }] })
  expect(await waiting('first')).toMatchObject({ total: 0 })
  expect((await approve(max, 't-3')).body).toMatchObject({
    ...{ status: 'success', approvedBy: 'ada', processedBy: 'max', newBalance: 151 },
  })
})

test('an adjustment and a refund of an admin wait, a refund of a service does not', async ({
  api,
}) => {
  const gift = { userId: 'alice', amount: 60, description: 'a gift' }
  const dry = await api.call(admin, 'POST /transactions/adjustment', { ...gift, dryRun: true })
  expect(dry.body).toMatchObject({ status: 'pending' })
  const bulk = await api.call(admin, 'POST /transactions/bulk', {
    commands: [{ type: 'admin_adjustment', ...gift }],
  })
  const { id } = bulk.body.results[0].transaction
  const decide = (by: Caller, type: string, id: string) =>
    api.call(by, `PATCH /transactions/${type}/${id}/process`, { status: 'success' })
  expect((await decide(admin, 'adjustment', id)).body.code).toBe('second_admin_required')
  expect((await decide(max, 'adjustment', id)).body).toMatchObject({ status: 'success' })

  const pays = { type: 'booking_payment', amount: 130 }
  const payment = await api.call(alice, 'POST /transactions', pays)
  const refund = (by: Caller) =>
    api.call(by, `POST /transactions/${payment.body.id}/refund`, { amount: 60 })
  const asked = await refund(admin)
  expect(asked.body).toMatchObject({ status: 'pending', approvedBy: 'ada' })
  expect((await refund(service)).body).toMatchObject({ status: 'success' })
  expect((await decide(max, 'refund', asked.body.id)).body).toMatchObject({ status: 'success' })
})
