import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { routesOf } from '../../src/api-docs/openapi.ts'
import { connect } from '../../src/postgres/database.ts'
import { contentsOf } from '../support/index.ts'
import { EXAMPLES, type Example, prepare } from '../support/routes/examples.ts'
import {
  admin,
  alice,
  bob,
  type Caller,
  foreignAdmin,
  type LedgerApp,
  ledgerApp,
  service,
} from '../support/routes/ledger-app.ts'

/** Ids by what they name. The last two are of no transaction: one is another tenant's. */
const made = { topup: '', done: '', payment: '', hold: '', expired: '', foreign: '' }
const UNKNOWN = '019a4e5c-0000-7000-8000-000000000001'

let api: LedgerApp
beforeAll(async () => {
  api = await ledgerApp({ tickets: { issue: async () => ({ ticket: 't', expiresAt: '' }) } })
  await prepare(api)
  const open = async (request: string, body: object, by: Caller = alice) =>
    (await api.call(by, request, body)).body.id as string
  made.topup = await open('POST /transactions/topup', { amount: 5 })
  made.done = await open('POST /transactions/topup', { amount: 5 })
  await api.call(admin, `PATCH /transactions/topup/${made.done}/process`, { status: 'success' })
  made.payment = await open('POST /transactions', { type: 'booking_payment', amount: 5 })
  made.hold = await open('POST /transactions/hold', { amount: 5 }, alice)
  made.expired = await open('POST /transactions/hold', { amount: 5 })
  made.foreign = await open(
    'POST /transactions/topup',
    { amount: 5 },
    { ...alice, tenant: 'other' },
  )
  await api.call(bob, 'POST /transactions/topup', { amount: 1 })
})
afterAll(() => api.close())

/** Sends it, and sees that it was refused so, and that no row of any table is another than before. */
async function refused(
  by: Caller,
  request: string,
  body: unknown,
  [status, code]: readonly [number, string],
  headers?: Record<string, string>,
) {
  const before = await contentsOf(api.sql)
  const answer = await api.call(by, request, body, headers)
  expect([answer.status, answer.body?.code]).toEqual([status, code])
  expect(await contentsOf(api.sql)).toEqual(before)
}

const topup = 'POST /transactions/topup'
const invalid = [400, 'invalid_request'] as const
const amount = [400, 'invalid_amount'] as const

describe('an amount that is none', () => {
  test.each([
    ['too many decimals', '0.001'],
    ['too many decimals, as text', '"0.001"'],
    ['too many decimals, far behind', '1.000000000000000000000000000001'],
    ['zero', '0'],
    ['zero with decimals', '"0.00"'],
    ['negative', '-1'],
    ['negative zero', '-0'],
    ['the smallest above the largest', '90071992547409.92'],
    ['beyond any bigint', '1e30'],
    ['beyond any number', '1e999'],
    ['a hair above a whole cent', '0.0100000000000000000001'],
    ['NaN', '"NaN"'],
    ['Infinity', '"Infinity"'],
    ['hexadecimal', '"0x10"'],
    ['with blanks', '" 5"'],
    ['with a comma', '"1,5"'],
    ['an exponent as text', '"1e2"'],
    ['in digits of another script', '"١٢"'],
    ['empty', '""'],
    ['null', 'null'],
    ['a list', '[5]'],
    ['true', 'true'],
  ])('%s', async (_, json) => {
    await refused(alice, topup, `{"amount":${json}}`, amount)
    await refused(alice, 'POST /transactions/hold', `{"amount":${json}}`, amount)
    await refused(admin, `POST /transactions/${made.payment}/refund`, `{"amount":${json}}`, amount)
  })

  test.each([
    ['JPY', '0.5'],
    ['JPY', '9007199254740992'],
    ['KWD', '0.0001'],
    ['KWD', '9007199254740.992'],
  ])('in %s: %s', (currency, json) =>
    refused(alice, topup, `{"amount":${json},"currency":"${currency}"}`, amount),
  )
})

describe('what is not there, or is not so', () => {
  const rows: [string, Caller, () => string, unknown, readonly [number, string]][] = [
    [
      'a currency nobody knows',
      alice,
      () => topup,
      { amount: 5, currency: 'XXX' },
      [400, 'unknown_currency'],
    ],
    [
      'a currency in small letters',
      alice,
      () => topup,
      { amount: 5, currency: 'usd' },
      [400, 'unknown_currency'],
    ],
    ['a field too many', alice, () => topup, { amount: 5, actor: 'ada' }, invalid],
    [
      'a receiver nobody knows',
      alice,
      () => 'POST /transactions/transfer',
      { toUserId: 'nobody', amount: 1 },
      [404, 'unknown_user'],
    ],
    [
      'oneself as receiver',
      alice,
      () => 'POST /transactions/transfer',
      { toUserId: 'alice', amount: 1 },
      [400, 'self_transfer'],
    ],
    [
      'a user nobody knows pays',
      service,
      () => 'POST /transactions',
      { type: 'booking_payment', amount: 1, userId: 'nobody' },
      [404, 'unknown_user'],
    ],
    [
      'a user nobody knows holds',
      service,
      () => 'POST /transactions/hold',
      { amount: 1, userId: 'nobody' },
      [404, 'unknown_user'],
    ],
    [
      'another type of payment',
      alice,
      () => 'POST /transactions',
      { type: 'topup', amount: 1 },
      invalid,
    ],
    [
      'another user’s money',
      alice,
      () => 'POST /transactions',
      { type: 'booking_payment', amount: 1, userId: 'bob' },
      [403, 'forbidden'],
    ],
    [
      'an adjustment without a reason',
      admin,
      () => 'POST /transactions/adjustment',
      { userId: 'bob', amount: 1, description: ' ' },
      invalid,
    ],
    [
      'money for oneself',
      admin,
      () => 'POST /transactions/adjustment',
      { userId: 'ada', amount: 1, description: 'x' },
      [403, 'self_approval'],
    ],
    [
      'money taken from nobody',
      admin,
      () => 'POST /transactions/adjustment',
      { userId: 'nobody', amount: -1, description: 'x' },
      [404, 'unknown_user'],
    ],
    [
      'more than a wallet holds',
      admin,
      () => 'POST /transactions/adjustment',
      { userId: 'alice', amount: 90071992547409.91, description: 'x' },
      [422, 'balance_limit_exceeded'],
    ],
    [
      'a topup processed again',
      admin,
      () => `PATCH /transactions/topup/${made.done}/process`,
      { status: 'failed' },
      [409, 'already_processed'],
    ],
    [
      'a topup processed halfway',
      admin,
      () => `PATCH /transactions/topup/${made.topup}/process`,
      { status: 'pending' },
      invalid,
    ],
    [
      'a topup processed as a withdrawal',
      admin,
      () => `PATCH /transactions/withdrawal/${made.topup}/process`,
      { status: 'success' },
      [409, 'wrong_type'],
    ],
    [
      'a payment processed as a topup',
      admin,
      () => `PATCH /transactions/topup/${made.payment}/process`,
      { status: 'success' },
      [409, 'wrong_type'],
    ],
    [
      'a topup refunded',
      admin,
      () => `POST /transactions/${made.done}/refund`,
      undefined,
      [409, 'wrong_type'],
    ],
    [
      'more refunded than was paid',
      admin,
      () => `POST /transactions/${made.payment}/refund`,
      { amount: 5.01 },
      [422, 'refund_exceeds_payment'],
    ],
    [
      'a hold refunded before its capture',
      admin,
      () => `POST /transactions/${made.hold}/refund`,
      undefined,
      [409, 'not_refundable'],
    ],
    [
      'more captured than is held',
      alice,
      () => `POST /transactions/hold/${made.hold}/capture`,
      { amount: 5.01 },
      [422, 'capture_exceeds_hold'],
    ],
    [
      'another user’s hold captured',
      bob,
      () => `POST /transactions/hold/${made.hold}/capture`,
      undefined,
      [404, 'not_found'],
    ],
    [
      'another user’s topup cancelled',
      bob,
      () => `POST /transactions/topup/${made.topup}/cancel`,
      undefined,
      [404, 'not_found'],
    ],
    [
      'a topup of another tenant',
      admin,
      () => `PATCH /transactions/topup/${made.foreign}/process`,
      { status: 'success' },
      [404, 'not_found'],
    ],
    [
      'a topup of this tenant, from another',
      foreignAdmin,
      () => `PATCH /transactions/topup/${made.topup}/process`,
      { status: 'success' },
      [404, 'not_found'],
    ],
    [
      'a topup nobody made',
      admin,
      () => `PATCH /transactions/topup/${UNKNOWN}/process`,
      { status: 'success' },
      [404, 'not_found'],
    ],
    [
      'a broken UUID',
      admin,
      () => 'PATCH /transactions/topup/019a4e5c/process',
      { status: 'success' },
      invalid,
    ],
    [
      'a UUID with a NUL',
      admin,
      () => `POST /transactions/${made.payment}%00/refund`,
      undefined,
      invalid,
    ],
    [
      'a hold without end',
      alice,
      () => 'POST /transactions/hold',
      { amount: 1, expiresIn: 1e9 },
      invalid,
    ],
    [
      'a hold that is over',
      alice,
      () => 'POST /transactions/hold',
      { amount: 1, expiresIn: 0 },
      invalid,
    ],
    [
      'a recalculation of nobody',
      admin,
      () => 'POST /transactions/recalculate/nobody',
      undefined,
      [404, 'not_found'],
    ],
    ['no JSON', alice, () => topup, '{"amount":5', invalid],
    ['a list', alice, () => topup, '[{"amount":5}]', invalid],
  ]
  test.each(rows)('%s', (_, by, request, body, answer) => refused(by, request(), body, answer))

  test('a transfer beyond the receiver’s room says nothing of the receiver', async () => {
    const gift = { userId: 'rich', amount: 90071992547409.9, description: 'x' }
    await api.call(admin, 'POST /transactions/adjustment', gift)
    const body = { toUserId: 'rich', amount: 1 }
    const answer = await api.call(alice, 'POST /transactions/transfer', body)
    expect([answer.status, answer.body.code]).toEqual([422, 'balance_limit_exceeded'])
    expect(answer.body.details).toBeUndefined()
  })

  test('a hold that has expired, but was not freed yet', async () => {
    const owner = connect(api.database.ownerUrl, { max: 1 })
    await owner`update transactions set expires_at = created_at where id = ${made.expired}`
    await owner.end()
    const capture = `POST /transactions/hold/${made.expired}/capture`
    await refused(alice, capture, undefined, [409, 'hold_expired'])
  })
})

/** NUL, which Postgres cannot store, and halves of pairs, which are no characters: as JSON writes them. */
const UNSTORABLE = { NUL: '\\u0000', 'a high surrogate': '\\ud800', 'a low surrogate': 'x\\udc00y' }
const PUTS: Record<string, Example> = {
  'PUT /transactions/monitors': { by: alice, body: { threshold: 1, direction: 'below' } },
  'PUT /transactions/limits': {
    by: admin,
    body: { userId: 'alice', type: 'transfer', maxAmount: 5 },
  },
}

describe.each(Object.entries({ ...EXAMPLES, ...PUTS }))('%s', (name, { by, id, body = {} }) => {
  const route = () => routesOf(api.app).find((one) => one.name === name)
  const fieldsOf = (target: string) =>
    (route()?.expects ?? [])
      .filter((expectation) => expectation.target === target)
      .flatMap(({ schema }) =>
        Object.entries((schema as unknown as { shape?: Record<string, z.ZodType> }).shape ?? {}),
      )
  /** Fields that take some text or other, whatever else it must look like. */
  const texts = () => fieldsOf('json').map(([field]) => field)

  test.each(Object.entries(UNSTORABLE))('takes %s in no field', async (_, text) => {
    const path = name.replace(/:\w+/, (await id?.(api)) ?? '')
    for (const field of texts()) {
      const { [field]: _, ...others } = body as Record<string, unknown>
      const json = `{${[
        ...Object.entries(others).map(([key, value]) => `"${key}":${JSON.stringify(value)}`),
        `"${field}":"${text}"`,
      ].join()}}`
      const before = await contentsOf(api.sql)
      const answer = await api.call(by, path, json)
      expect([field, answer.status]).toEqual([field, 400])
      expect(await contentsOf(api.sql)).toEqual(before)
    }
    // Nor under a name of its own.
    const whole = JSON.stringify(body)
      .replace(/^\{/, '')
      .replace(/^(?=.{2})/, ',')
    await refused(by, path, `{"${text}":1${whole}`, invalid)
  })

  // A PUT takes no key.
  if (name.startsWith('PUT')) return
  test('takes no Idempotency-Key that is not printable', async () => {
    const path = name.replace(/:\w+/, (await id?.(api)) ?? '')
    for (const key of ['', 'x'.repeat(256), 'a\tb', 'caf\u00e9', '\u0001', '\u007f']) {
      await refused(by, path, body, invalid, { 'Idempotency-Key': key })
    }
  })
})

test.each([
  'GET /transactions/verify/%00',
  'GET /transactions/verify/%ED%A0%80',
  'GET /transactions/balance?userId=%00',
  'GET /transactions/balance?at=%00',
  'GET /transactions/all?userId=a%00b',
  'GET /transactions/all?cursor=%00',
  'GET /admin/wallets?search=%00',
  'POST /transactions/recalculate/%00',
  'POST /transactions/recalculate/alice?currency=%00',
])('%s', async (request) => {
  const before = await contentsOf(api.sql)
  const { status } = await api.call(admin, request)
  expect([400, 404]).toContain(status)
  expect(await contentsOf(api.sql)).toEqual(before)
})
