import { expect } from 'vitest'
import { newSubscription } from '../support/deliveries/push-service.ts'
import { alice, bob, test } from '../support/routes/ledger-app.ts'

const ENDPOINT = 'https://push.example.com/device'

test('a device is registered, listed without its address, and removed by its user', async ({
  api,
}) => {
  const { json } = newSubscription(`${ENDPOINT}/1`)
  const body = { subscription: json, label: 'Phone', language: 'de-AT', figures: false }
  const made = await api.call(alice, 'POST /balance/push', body)
  expect([made.status, made.body]).toMatchObject([
    201,
    { kind: 'web', service: 'https://push.example.com', language: 'de', figures: false },
  ])
  const state = await api.call(alice, 'GET /balance/push')
  expect(state.body).toMatchObject({
    publicKey: expect.stringMatching(/^[\w-]{87}$/),
    items: [made.body],
    rules: {
      changes: { on: true, atLeast: [] },
      lowBalance: { on: false, below: [] },
      paymentFailed: { on: true },
      topups: { on: true },
    },
    quietHours: null,
  })
  for (const secret of [json.endpoint, json.keys.auth, json.keys.p256dh]) {
    expect(state.text + made.text).not.toContain(secret)
  }
  expect((await api.call(bob, `DELETE /balance/push/${made.body.id}`)).status).toBe(404)
  const byEndpoint = `DELETE /balance/push?endpoint=${encodeURIComponent(json.endpoint)}`
  expect((await api.call(bob, byEndpoint)).status).toBe(404)
  expect((await api.call(alice, byEndpoint)).body).toEqual({ deleted: 1 })
  expect((await api.call(alice, 'GET /balance/push')).body.items).toEqual([])
})

test('rules are set one by one, exactly, and with the first registration', async ({ api }) => {
  const cem = { sub: 'cem' }
  const { json } = newSubscription(`${ENDPOINT}/2`)
  await api.call(cem, 'POST /balance/push', {
    subscription: json,
    rules: { changes: { on: true, atLeast: [{ currency: 'USD', amount: '90071992547409.91' }] } },
    quietHours: { from: '22:00', to: '07:30', timeZone: 'Asia/Ho_Chi_Minh' },
  })
  const lowBalance = { on: true, below: [{ currency: 'JPY', amount: 500 }] }
  const set = await api.call(cem, 'PUT /balance/push/settings', { rules: { lowBalance } })
  expect(set.text).toContain('"amount":90071992547409.91')
  expect(set.body).toMatchObject({
    rules: { lowBalance, topups: { on: true } },
    quietHours: { from: '22:00', to: '07:30', timeZone: 'Asia/Ho_Chi_Minh' },
  })
  const none = await api.call(cem, 'PUT /balance/push/settings', { quietHours: null })
  expect(none.body).toMatchObject({ rules: { lowBalance }, quietHours: null })
})

const good = newSubscription(`${ENDPOINT}/3`).json
const withKeys = (keys: object) => ({ ...good, keys: { ...good.keys, ...keys } })
const rules = (currency: string, amount: unknown) => ({
  rules: { lowBalance: { on: true, below: [{ currency, amount }] } },
})

test.for<[what: string, body: object, code: string]>([
  ['no subscription', {}, 'invalid_request'],
  ['no URL', { subscription: { ...good, endpoint: 'x' } }, 'invalid_request'],
  ['http', { subscription: { ...good, endpoint: 'http://push.example.com/' } }, 'invalid_request'],
  [
    'a private address',
    { subscription: { ...good, endpoint: 'https://10.0.0.1/' } },
    'invalid_request',
  ],
  [
    'the metadata of a cloud',
    { subscription: { ...good, endpoint: 'https://[fd00:ec2::254]/' } },
    'invalid_request',
  ],
  ['a short key', { subscription: withKeys({ auth: 'AAAA' }) }, 'invalid_request'],
  [
    'a point off the curve',
    { subscription: withKeys({ p256dh: `B${'A'.repeat(86)}` }) },
    'invalid_request',
  ],
  ['a long label', { subscription: good, label: 'x'.repeat(101) }, 'invalid_request'],
  ['no language', { subscription: good, language: '' }, 'invalid_request'],
  ['an unknown currency', { subscription: good, ...rules('XXX', 1) }, 'unknown_currency'],
  ['too many decimals', { subscription: good, ...rules('USD', 0.001) }, 'invalid_amount'],
  ['a negative amount', { subscription: good, ...rules('USD', -1) }, 'invalid_amount'],
  [
    'no clock',
    { subscription: good, quietHours: { from: '22:00', to: '07:00', timeZone: 'Mars' } },
    'invalid_request',
  ],
  [
    'no time',
    { subscription: good, quietHours: { from: '24:00', to: '07:00', timeZone: 'UTC' } },
    'invalid_request',
  ],
  [
    'no hours',
    { subscription: good, quietHours: { from: '07:00', to: '07:00', timeZone: 'UTC' } },
    'invalid_request',
  ],
])('%s is refused, and nothing is kept', async ([, body, code], { api }) => {
  const dia = { sub: 'dia' }
  const answer = await api.call(dia, 'POST /balance/push', body)
  expect([answer.status, answer.body.code]).toEqual([400, code])
  expect((await api.call(dia, 'GET /balance/push')).body).toMatchObject({
    items: [],
    quietHours: null,
  })
})

test('the eleventh device is refused, and so is anyone else’s', async ({ api }) => {
  const eva = { sub: 'eva' }
  const register = (n: number) =>
    api.call(eva, 'POST /balance/push', { subscription: newSubscription(`${ENDPOINT}/e${n}`).json })
  for (let i = 0; i < 10; i++) expect((await register(i)).status).toBe(201)
  expect((await register(10)).body).toMatchObject({
    code: 'conflict',
    message: 'You already have 10 devices.',
  })
  const foreign = newSubscription(`${ENDPOINT}/e0`).json
  expect((await api.call(bob, 'POST /balance/push', { subscription: foreign })).body).toMatchObject(
    { code: 'conflict', message: 'Another user has this subscription.' },
  )
})
