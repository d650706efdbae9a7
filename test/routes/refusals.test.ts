import { expect } from 'vitest'
import { prepare } from '../support/routes/examples.ts'
import { admin, alice, type Caller, service, test } from '../support/routes/ledger-app.ts'
import { refused } from '../support/routes/refused.ts'

test.beforeAll(({ api }) => prepare(api))

const topup = 'POST /transactions/topup'
const invalid = [400, 'invalid_request'] as const

const rows: [string, Caller, string, unknown, readonly [number, string]][] = [
  [
    'a currency nobody knows',
    alice,
    topup,
    { amount: 5, currency: 'XXX' },
    [400, 'unknown_currency'],
  ],
  [
    'a currency in small letters',
    alice,
    topup,
    { amount: 5, currency: 'usd' },
    [400, 'unknown_currency'],
  ],
  ['a field too many', alice, topup, { amount: 5, actor: 'ada' }, invalid],
  [
    'a receiver nobody knows',
    alice,
    'POST /transactions/transfer',
    { toUserId: 'nobody', amount: 1 },
    [404, 'unknown_user'],
  ],
  [
    'oneself as receiver',
    alice,
    'POST /transactions/transfer',
    { toUserId: 'alice', amount: 1 },
    [400, 'self_transfer'],
  ],
  [
    'a user nobody knows pays',
    service,
    'POST /transactions',
    { type: 'booking_payment', amount: 1, userId: 'nobody' },
    [404, 'unknown_user'],
  ],
  [
    'a user nobody knows holds',
    service,
    'POST /transactions/hold',
    { amount: 1, userId: 'nobody' },
    [404, 'unknown_user'],
  ],
  ['another type of payment', alice, 'POST /transactions', { type: 'topup', amount: 1 }, invalid],
  [
    'another user’s money',
    alice,
    'POST /transactions',
    { type: 'booking_payment', amount: 1, userId: 'bob' },
    [403, 'forbidden'],
  ],
  [
    'an adjustment without a reason',
    admin,
    'POST /transactions/adjustment',
    { userId: 'bob', amount: 1, description: ' ' },
    invalid,
  ],
  [
    'money for oneself',
    admin,
    'POST /transactions/adjustment',
    { userId: 'ada', amount: 1, description: 'x' },
    [403, 'self_approval'],
  ],
  [
    'money taken from nobody',
    admin,
    'POST /transactions/adjustment',
    { userId: 'nobody', amount: -1, description: 'x' },
    [404, 'unknown_user'],
  ],
  [
    'more than a wallet holds',
    admin,
    'POST /transactions/adjustment',
    { userId: 'alice', amount: 90071992547409.91, description: 'x' },
    [422, 'balance_limit_exceeded'],
  ],
  ['a hold without end', alice, 'POST /transactions/hold', { amount: 1, expiresIn: 1e9 }, invalid],
  ['a hold that is over', alice, 'POST /transactions/hold', { amount: 1, expiresIn: 0 }, invalid],
  [
    'a recalculation of nobody',
    admin,
    'POST /transactions/recalculate/nobody',
    undefined,
    [404, 'not_found'],
  ],
  ['no JSON', alice, topup, '{"amount":5', invalid],
  ['a list', alice, topup, '[{"amount":5}]', invalid],
]
test.for(rows)('%s is refused', ([_, by, request, body, answer], { api }) =>
  refused(api, by, request, body, answer),
)

test('a transfer beyond the receiver’s room says nothing of the receiver', async ({ api }) => {
  const gift = { userId: 'rich', amount: 90071992547409.9, description: 'x' }
  await api.call(admin, 'POST /transactions/adjustment', gift)
  const body = { toUserId: 'rich', amount: 1 }
  const answer = await api.call(alice, 'POST /transactions/transfer', body)
  expect([answer.status, answer.body.code]).toEqual([422, 'balance_limit_exceeded'])
  expect(answer.body.details).toBeUndefined()
})
