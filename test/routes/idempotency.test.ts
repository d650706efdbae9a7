import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'
import { routesOf } from '../../src/api-docs/openapi.ts'
import { contentsOf } from '../support/index.ts'
import { EXAMPLES, prepare } from '../support/routes/examples.ts'
import {
  type Answer,
  admin,
  alice,
  type LedgerApp,
  ledgerApp,
  operator,
  test,
} from '../support/routes/ledger-app.ts'

let api: LedgerApp
test.beforeAll(async ({ api: opened }) => {
  api = opened
  await prepare(api)
})

/**
 * The first gives out a token, which is not to be kept, to whoever sits at the machine, who has no name yet. The events
 * of payment providers have ids of their own.
 */
const EXEMPT = [
  ...['POST /demo/session', 'POST /providers/stripe', 'POST /providers/signed'],
  // Each state is taken once, whatever the key. After the end nobody has a name any more.
  ...['POST /sign-in/begin', 'POST /sign-in/finish', 'POST /sign-in/end'],
  // Takes each id once, so that it has a test of its own.
  'POST /platform/tenants',
]

test('there is an example of every POST and PATCH', () => {
  const writes = routesOf(api.app)
    .map(({ name }) => name)
    .filter((name) => /^(POST|PATCH) /.test(name) && !EXEMPT.includes(name))
  expect(Object.keys(EXAMPLES).sort()).toEqual(writes.sort())
})

/** Neither the key of a service nor the secret of a webhook is stored with an answer, so only the first one has it. */
const withoutKey = (text: string) =>
  text.replace(/"(key|token|secret)":"(?:lb|whsec)_[^"]+"/, '"$1":null')

const replayed = ({ headers }: Answer) => headers.get('Idempotency-Replayed')

describe.each(Object.entries(EXAMPLES))('%s', (name, { by, id, body, other }) => {
  /** The request for one and the same thing, as often as it is called. */
  async function request(key: string = randomUUID()) {
    const path = name.replace(/:\w+/, (await id?.(api)) ?? '')
    return (fields = body) => api.call(by, path, fields, { 'Idempotency-Key': key })
  }

  test('answers the same key and body as the first time, and does nothing', async () => {
    const send = await request()
    const first = await send()
    expect([first.status < 300, replayed(first)]).toEqual([true, null])
    const before = await contentsOf(api.sql)
    const again = await send(body && Object.fromEntries(Object.entries(body).reverse()))
    const text = withoutKey(first.text)
    expect([again.status, again.text, replayed(again)]).toEqual([first.status, text, 'true'])
    expect(await contentsOf(api.sql)).toEqual(before)
  })

  test('answers twins alike: one acts', async () => {
    const send = await request()
    const twins = await Promise.all([send(), send(), send(), send()])
    expect(new Set(twins.map(({ status, text }) => `${status} ${withoutKey(text)}`)).size).toBe(1)
    expect(twins.map(replayed).sort()).toEqual([null, 'true', 'true', 'true'])
  })

  test('refuses the key for anything else', async () => {
    const key = randomUUID()
    const send = await request(key)
    await send()
    const before = await contentsOf(api.sql)
    const elsewhere = { amount: 3, description: 'something else' }
    const answers = [
      await api.call(by, 'POST /transactions/topup', elsewhere, { 'Idempotency-Key': key }),
      ...(other ? [await send(other)] : []),
      ...(id && name.includes(':id') ? [await (await request(key))()] : []),
    ]
    for (const { status, body } of answers) {
      expect([status, body.code]).toEqual([422, 'idempotency_key_reused'])
    }
    if (!id) expect(await contentsOf(api.sql)).toEqual(before)
  })

  test.each([
    ['is empty', ''],
    ['is longer than 255 characters', 'x'.repeat(256)],
    ['holds a tab', 'a\tb'],
    ['holds a letter beyond ASCII', 'clé'],
  ])('takes no key that %s', async (_, key) => {
    const send = await request(key)
    const before = await contentsOf(api.sql)
    const { status, body } = await send()
    expect([status, body.code]).toEqual([400, 'invalid_request'])
    expect(await contentsOf(api.sql)).toEqual(before)
  })
})

test('a tenant is made once by twins, and another one with their key is refused', async () => {
  const key = { 'Idempotency-Key': randomUUID() }
  const make = (id: string) =>
    api.call(operator, 'POST /platform/tenants', { id, name: 'Twins' }, key)
  const twins = await Promise.all([make('twins'), make('twins')])
  expect(twins.map(({ status }) => status)).toEqual([201, 201])
  expect(twins.map(replayed).sort()).toEqual([null, 'true'])
  expect((await make('others')).body.code).toBe('idempotency_key_reused')
})

test('a key is its sender’s own: another user’s same key is another key', async () => {
  const key = { 'Idempotency-Key': randomUUID() }
  const first = await api.call(alice, 'POST /balance/ticket', undefined, key)
  const other = await api.call({ sub: 'bob' }, 'POST /balance/ticket', undefined, key)
  expect([other.status, replayed(other)]).toEqual([201, null])
  expect(other.text).not.toBe(first.text)
})

test('a refusal is remembered: it stays one when it would succeed now', async () => {
  const key = { 'Idempotency-Key': randomUUID() }
  const late = () => api.call(admin, 'POST /transactions/recalculate/latecomer', undefined, key)
  const first = await late()
  expect([first.status, first.body.code]).toEqual([404, 'not_found'])
  const gift = { userId: 'latecomer', amount: 1, description: 'now there is a wallet' }
  await api.call(admin, 'POST /transactions/adjustment', gift)
  const again = await late()
  expect([again.status, again.body.code, replayed(again)]).toEqual([404, 'not_found', 'true'])
  const fresh = await api.call(admin, 'POST /transactions/recalculate/latecomer')
  expect(fresh.status).toBe(200)
})

test('a request that is the same but for its writing is the same', async () => {
  const key = { 'Idempotency-Key': randomUUID() }
  const send = (amount: string) =>
    api.call(alice, 'POST /transactions', `{"type":"booking_payment","amount":${amount}}`, key)
  const first = await send('1.5')
  for (const amount of ['1.50', '"1.5"', '15e-1', '1.5,"currency":"USD"']) {
    const again = await send(amount)
    expect([again.text, replayed(again)]).toEqual([first.text, 'true'])
  }
  const path = (query: string) =>
    api.call(admin, `POST /transactions/recalculate/${query}`, undefined, key)
  await path('alice')
  expect(replayed(await path('%61lice?currency=USD'))).toBe('true')
})

test('an outage is no answer: the same key acts when it is over', async () => {
  const away = Object.assign(new Error('away'), { code: 'ECONNREFUSED' })
  let outage = true
  const moody = await ledgerApp({
    tickets: {
      issue: async () => {
        if (outage) throw away
        return { ticket: 'at last', expiresAt: '2030-01-01T00:00:00Z' }
      },
    },
  })
  try {
    const key = { 'Idempotency-Key': randomUUID() }
    const send = () => moody.call(alice, 'POST /balance/ticket', undefined, key)
    expect((await send()).status).toBe(503)
    outage = false
    const { status, body, headers } = await send()
    expect([status, body.ticket, headers.get('Idempotency-Replayed')]).toEqual([
      201,
      'at last',
      null,
    ])
  } finally {
    await moody.close()
  }
})
