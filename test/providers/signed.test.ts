import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { describe, expect } from 'vitest'
import type { ProviderAnswer } from '../support/providers/stripe.ts'
import { type LedgerApp, test } from '../support/routes/ledger-app.ts'

const secret = (letter: string) => `whsec_${Buffer.from(letter.repeat(32)).toString('base64')}`

test.override('parts', {
  providers: {
    stripe: undefined,
    signed: {
      secrets: [secret('a'), secret('b')],
      url: 'https://pay.example.com/{topupId}?amount={amount}&currency={currency}&user={userId}&x={x}',
    },
  },
})

interface Sent {
  id?: string
  at?: Date
  with?: string
}

async function deliver(api: LedgerApp, body: unknown, sent: Sent = {}) {
  const { id = randomUUID(), at = new Date(), with: key = secret('a') } = sent
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await api.app.request('/providers/signed', {
    method: 'POST',
    body: text,
    headers: {
      'Content-Type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(key).sign(id, at, text),
    },
  })
  return { status: response.status, body: (await response.json()) as ProviderAnswer }
}

let users = 0
async function topup(api: LedgerApp) {
  const who = { sub: `payer&${++users}` }
  const { body } = await api.call(who, 'POST /transactions/topup', { amount: 12.5 })
  const balance = async () => (await api.call(who, 'GET /transactions/balance')).body.balance
  const event = (type: string, more: object = {}) => ({
    type,
    data: { topupId: body.id, amount: 12.5, currency: 'USD', ...more },
  })
  return { who, id: body.id as string, url: body.url as string, balance, event }
}

test('a topup comes with the URL of its page, with its values encoded', async ({ api }) => {
  const { id, url, who } = await topup(api)
  expect(url).toBe(
    `https://pay.example.com/${id}?amount=12.5&currency=USD&user=${encodeURIComponent(who.sub)}&x={x}`,
  )
})

describe('an event', () => {
  test('settles the topup once by the id of its message', async ({ api }) => {
    const { balance, event } = await topup(api)
    const id = randomUUID()
    expect(await deliver(api, event('payment.succeeded'), { id })).toEqual({
      status: 200,
      body: { outcome: 'applied', reason: null, repeated: false },
    })
    expect((await deliver(api, event('payment.succeeded'), { id })).body.repeated).toBe(true)
    expect(await balance()).toBe(12.5)
  })

  test('or by an id of its own, with the new secret as with the old', async ({ api }) => {
    const { balance, event } = await topup(api)
    const body = event('payment.succeeded', { eventId: `own-${randomUUID()}` })
    await deliver(api, body, { with: secret('b') })
    expect((await deliver(api, body)).body.repeated).toBe(true)
    expect(await balance()).toBe(12.5)
  })

  test('tells of refunds, disputes and failures', async ({ api }) => {
    const { balance, event, id, who } = await topup(api)
    await deliver(api, event('payment.succeeded', { amount: '12.50' }))
    await deliver(api, event('payment.refunded', { amount: 2.5 }))
    expect(await balance()).toBe(10)
    await deliver(api, event('payment.disputed', { amount: 10 }))
    await deliver(api, event('dispute.lost'))
    expect(await balance()).toBe(0)
    const other = await topup(api)
    await deliver(api, other.event('payment.failed', { reason: 'no money' }))
    const { body } = await api.call(other.who, `GET /transactions/${other.id}`)
    expect([body.status, id === other.id, who === other.who]).toEqual(['failed', false, false])
  })

  test.for([
    ['another amount', { amount: 12.51 }, 'amount_mismatch'],
    ['too many decimals', { amount: 12.505 }, 'amount_mismatch'],
    ['another currency', { currency: 'EUR' }, 'currency_mismatch'],
    ['no currency', { currency: 'GOLD' }, 'currency_mismatch'],
  ] as const)('with %s waits', async ([, more, reason], { api }) => {
    const { event } = await topup(api)
    expect((await deliver(api, event('payment.succeeded', more))).body).toMatchObject({
      outcome: 'waiting',
      reason,
    })
  })

  test.for([
    ['without a topup', (event: { data: object }) => ({ ...event, data: { amount: 1 } })],
    [
      'with a tenant that is none',
      (e: { data: object }) => ({ ...e, data: { ...e.data, tenant: ' ' } }),
    ],
    ['that is no JSON', () => 'nothing'],
  ] as const)('%s is an error that says so', async ([, changed], { api }) => {
    const { event } = await topup(api)
    const { status, body } = await deliver(api, changed(event('payment.succeeded')))
    expect([status, body.code]).toEqual([400, 'invalid_request'])
  })

  test('of an unknown type is ignored', async ({ api }) => {
    const { body } = await deliver(api, { type: 'invoice.sent', data: {} })
    expect(body).toEqual({ outcome: 'ignored', reason: null, repeated: false })
  })

  test.for([
    ['of another secret', { with: secret('c') }],
    ['that is too old', { at: new Date(Date.now() - 301_000) }],
  ] as const)('with a signature %s is rejected', async ([, sent], { api }) => {
    const { event, balance } = await topup(api)
    const { status, body } = await deliver(api, event('payment.succeeded'), sent)
    expect([status, body.code, await balance()]).toEqual([400, 'invalid_signature', 0])
  })
})
