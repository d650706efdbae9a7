import { expect } from 'vitest'
import {
  admin,
  alice,
  bob,
  type Caller,
  type LedgerApp,
  service,
  test,
} from '../support/routes/ledger-app.ts'

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 100)
  await api.call(bob, 'GET /transactions/balance')
})

const balanceOf = async (api: LedgerApp, who: Caller) =>
  (await api.call(who, 'GET /transactions/balance')).body.balance

const pays = {
  ...{ type: 'booking_payment', userId: 'alice', amount: 10.01 },
  split: [
    { to: 'bob', share: 9 },
    { fee: 'platform', share: 1 },
    { fee: 'card', amount: '0.30' },
  ],
}

test('a service splits a payment; the payer and the payee each see their own side', async ({
  api,
}) => {
  const dry = await api.call(service, 'POST /transactions', { ...pays, dryRun: true })
  expect(dry.body.split).toMatchObject([{ to: 'bob', amount: 8.74 }, {}, {}])
  const key = { 'Idempotency-Key': 's-1' }
  const paid = await api.call(service, 'POST /transactions', pays, key)
  expect([paid.status, paid.body]).toMatchObject([
    201,
    {
      amount: -10.01,
      split: [
        { to: 'bob', amount: 8.74, transactionId: expect.any(String) },
        { fee: 'platform', amount: 0.97 },
        { fee: 'card', amount: 0.3 },
      ],
    },
  ])
  expect(paid.text).not.toMatch(/"(wallet|account)":/)
  expect((await api.call(service, 'POST /transactions', pays, key)).body).toEqual(paid.body)
  expect(await balanceOf(api, bob)).toBe(8.74)
  const seen = await api.call(alice, `GET /transactions/${paid.body.id}`)
  expect(seen.body).not.toHaveProperty('split')
  const theirs = await api.call(bob, `GET /transactions/${paid.body.split[0].transactionId}`)
  expect(theirs.body).toMatchObject({ type: 'split', amount: 8.74, referenceId: paid.body.id })

  const refund = await api.call(service, `POST /transactions/${paid.body.id}/refund`, {})
  expect(refund.body).toMatchObject({ amount: 10.01, split: [{ to: 'bob', amount: 8.74 }, {}, {}] })
  const whole = await api.call(admin, `GET /transactions/${paid.body.id}`)
  expect(whole.body).toMatchObject({ refundedAmount: 10.01, split: [{ refunded: 8.74 }, {}, {}] })
  expect(await balanceOf(api, bob)).toBe(0)
  expect(await balanceOf(api, alice)).toBe(100)
})

test('a hold in escrow is captured to its payee, also in a bulk', async ({ api }) => {
  const hold = async () =>
    (await api.call(service, 'POST /transactions/hold', { userId: 'alice', amount: 20 })).body.id
  const capture = { amount: 15, to: 'bob' }
  const captured = await api.call(
    service,
    `POST /transactions/hold/${await hold()}/capture`,
    capture,
  )
  expect(captured.body).toMatchObject({ status: 'success', split: [{ to: 'bob', amount: 15 }] })
  const id = await hold()
  const bulk = await api.call(service, 'POST /transactions/bulk', {
    atomic: true,
    commands: [
      {
        type: 'hold_capture',
        transactionId: id,
        split: [
          { to: 'bob', amount: 19 },
          { fee: 'f', amount: 1 },
        ],
      },
      { ...pays, amount: 5 },
    ],
  })
  expect(bulk.body.results).toMatchObject([
    { transaction: { id, split: [{ amount: 19 }, { amount: 1 }] } },
    { transaction: { amount: -5 } },
  ])
  expect(await balanceOf(api, alice)).toBe(60)
})

test.for<[name: string, body: object, status: number, code: string]>([
  [
    'both a share and an amount',
    { split: [{ to: 'bob', share: 1, amount: 1 }] },
    400,
    'invalid_request',
  ],
  ['nobody', { split: [] }, 400, 'invalid_request'],
  ['too many decimals', { split: [{ to: 'bob', amount: 0.001 }] }, 400, 'invalid_amount'],
  ['too little', { split: [{ to: 'bob', amount: 1 }] }, 400, 'invalid_split'],
  ['somebody unknown', { split: [{ to: 'nobody', share: 1 }] }, 404, 'unknown_user'],
])('a split to %s is refused', async ([, body, status, code], { api }) => {
  const refused = await api.call(service, 'POST /transactions', { ...pays, ...body })
  expect([refused.status, refused.body.code]).toEqual([status, code])
})

test('who pays does not choose who is paid', async ({ api }) => {
  for (const caller of [alice, { ...admin, sub: 'alice' }]) {
    const refused = await api.call(caller, 'POST /transactions', pays)
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
  }
})
