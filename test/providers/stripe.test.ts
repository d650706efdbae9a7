import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { describe, expect, onTestFinished } from 'vitest'
import type { Transaction } from '../../src/ledger/command.ts'
import { ProviderLedger } from '../../src/ledger/provider-events.ts'
import { Reader } from '../../src/ledger/reader.ts'
import { freePort } from '../../src/local/ports.ts'
import { openProviders, Payments } from '../../src/providers/providers.ts'
import {
  deliver,
  intentFor,
  paidAtStub,
  STRIPE_SECRET,
  StripeStub,
  signedByStripe,
  stripeEvent,
} from '../support/providers/stripe.ts'
import { admin, type Caller, type LedgerApp, service, test } from '../support/routes/ledger-app.ts'

const stub = await new StripeStub().listen()
test.override('parts', {
  providers: {
    stripe: { webhookSecret: STRIPE_SECRET, secretKey: 'sk_test_of_the_tests', apiUrl: stub.url },
    signed: undefined,
  },
})
test.afterAll(() => stub.close())

const problem = async (response: Response) => (await response.json()) as { code: string }

let users = 0
const payer = (): Caller => ({ sub: `payer-${++users}` })

async function ask(api: LedgerApp, who: Caller, amount = 50, more: object = {}, key?: string) {
  const headers: Record<string, string> = key ? { 'Idempotency-Key': key } : {}
  const { status, body } = await api.call(
    who,
    'POST /transactions/topup',
    { amount, ...more },
    headers,
  )
  expect(status).toBe(201)
  return body
}

const balance = async (api: LedgerApp, who: Caller) =>
  (await api.call(who, 'GET /transactions/balance')).body.balance

const status = async (api: LedgerApp, who: Caller, id: string) =>
  (await api.call(who, `GET /transactions/${id}`)).body.status

describe('the signature', () => {
  test.for([
    ['is missing', () => ({})],
    ['is of another secret', (e: object) => signedByStripe(e, { secret: 'whsec_other' }).headers],
    [
      'is older than five minutes',
      (e: object) => signedByStripe(e, { timestamp: Date.now() / 1000 - 301 }).headers,
    ],
    ['is of another body', (e: object) => signedByStripe({ ...e, more: 1 }).headers],
  ] as const)('that %s is rejected, and nothing is recorded', async ([, headersOf], { api }) => {
    const who = payer()
    const { id } = await ask(api, who)
    const event = stripeEvent('payment_intent.succeeded', intentFor(id, 5_000))
    const response = await api.app.request('/providers/stripe', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headersOf(event) },
      body: JSON.stringify(event),
    })
    expect([response.status, (await problem(response)).code]).toEqual([400, 'invalid_signature'])
    expect(await status(api, who, id)).toBe('pending')
  })

  test('does not help a body that is too large, or no JSON', async ({ api }) => {
    const { body, headers } = signedByStripe({ large: 'x'.repeat(256 * 1024) })
    const send = (init: RequestInit) =>
      api.app.request('/providers/stripe', { method: 'POST', ...init })
    const large = await send({ body, headers })
    expect([large.status, (await problem(large)).code]).toEqual([413, 'payload_too_large'])
    const text = await send({ body: '{}', headers: { ...headers, 'Content-Type': 'text/plain' } })
    expect([text.status, (await problem(text)).code]).toEqual([415, 'unsupported_media_type'])
  })
})

describe('a topup', () => {
  test('comes with the client secret of a PaymentIntent that names it', async ({ api }) => {
    const who = payer()
    const topup = await ask(api, who, 12.34)
    const intent = stub.intents.at(-1)
    expect(topup).toMatchObject({ status: 'pending', clientSecret: `${intent?.id}_secret` })
    expect(intent?.params).toMatchObject({
      amount: '1234',
      currency: 'usd',
      'metadata[topupId]': topup.id,
      'metadata[tenant]': 'default',
    })
    await deliver(api, paidAtStub(intent as NonNullable<typeof intent>))
    expect(await balance(api, who)).toBe(12.34)
  })

  test('has one PaymentIntent, however often it is asked for', async ({ api }) => {
    const who = payer()
    const first = await ask(api, who, 50, {}, 'once')
    const count = stub.intents.length
    expect(await ask(api, who, 50, {}, 'once')).toEqual(first)
    expect(stub.intents).toHaveLength(count)
    // Stripe forgets its keys after a while. The payment is known by its id then.
    expect(stub.requests.at(-1)).toMatch(/^GET \/v1\/payment_intents\/pi_/)
  })

  test('of a dry run begins no payment', async ({ api }) => {
    const count = stub.intents.length
    expect(await ask(api, payer(), 50, { dryRun: true })).not.toHaveProperty('clientSecret')
    expect(stub.intents).toHaveLength(count)
  })

  test('stays, and says so, while Stripe fails, and is paid after a repetition', async ({
    api,
  }) => {
    const who = payer()
    stub.failure = { status: 500, code: 'down' }
    onTestFinished(() => {
      stub.failure = undefined
    })
    const down = await ask(api, who, 50, {}, 'again')
    expect(down).toMatchObject({ status: 'pending', paymentError: 'unavailable' })
    expect(down).not.toHaveProperty('clientSecret')
    stub.failure = undefined
    const up = await ask(api, who, 50, {}, 'again')
    expect([up.id, up.paymentError]).toEqual([down.id, undefined])
    expect(up.clientSecret).toBe(`${stub.intents.at(-1)?.id}_secret`)
  })

  test('stays while Stripe cannot be reached, which the operator is told once, and its end', async ({
    api,
  }) => {
    const logged: string[] = []
    const log = pino({}, { write: (line) => logged.push(line) })
    const ledger = new ProviderLedger(api.sql)
    // Its port stays free while it is closed: see freePort().
    const closed = await new StripeStub().listen(await freePort())
    closed.close()
    const secrets = { webhookSecret: STRIPE_SECRET, secretKey: 'sk_test_of_the_tests' }
    const providers = await openProviders(
      { stripe: { ...secrets, apiUrl: closed.url }, signed: undefined },
      ledger,
    )
    const payments = new Payments(providers, { ledger, log })
    const { id } = await ask(api, payer())
    const topup = (await new Reader(api.sql).transaction('default', id)) as Transaction
    const other = { ...topup, id: randomUUID() }
    expect(await payments.start(other)).toEqual({ paymentError: 'unavailable' })
    expect(await payments.start(other)).toEqual({ paymentError: 'unavailable' })
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([
      { level: 40, provider: 'stripe' },
    ])
    expect(logged.join()).not.toContain(secrets.secretKey)
    await closed.listen(Number(new URL(closed.url).port))
    onTestFinished(() => closed.close())
    expect(await payments.start(other)).toEqual({ clientSecret: 'pi_1_secret' })
    expect(logged.map((line) => JSON.parse(line).level)).toEqual([40, 30])
  })

  test('is asked for in Stripe’s units', async ({ api }) => {
    await ask(api, payer(), 700, { currency: 'ISK' })
    expect(stub.intents.at(-1)?.params).toMatchObject({ amount: '70000', currency: 'isk' })
    const count = stub.intents.length
    // Stripe has no ariary in parts.
    expect(await ask(api, payer(), 7.5, { currency: 'MGA' })).toMatchObject({
      paymentError: 'unavailable',
    })
    expect(stub.intents).toHaveLength(count)
  })
})

describe('an event', () => {
  test('of success settles the topup once, on all its names', async ({ api }) => {
    const who = payer()
    const { id } = await ask(api, who)
    const event = stripeEvent('payment_intent.succeeded', intentFor(id, 5_000))
    const first = await deliver(api, event)
    expect(first).toEqual({
      status: 200,
      body: { outcome: 'applied', reason: null, repeated: false },
    })
    expect((await deliver(api, event)).body).toMatchObject({ outcome: 'applied', repeated: true })
    const session = {
      ...{ id: 'cs_1', object: 'checkout.session', payment_status: 'paid', amount_total: 5_000 },
      ...{ currency: 'usd', payment_intent: `pi_${id}`, metadata: { topupId: id } },
    }
    const completed = stripeEvent('checkout.session.completed', session)
    expect((await deliver(api, completed)).body.reason).toBe('already_credited')
    expect(await balance(api, who)).toBe(50)
    const { body } = await api.call(who, `GET /transactions/${id}`)
    expect(body.processedBy).toBe('provider:stripe')
  })

  test('of another amount waits, is listed with its reason, and is resolved', async ({ api }) => {
    const who = payer()
    const { id } = await ask(api, who)
    const event = stripeEvent('payment_intent.succeeded', intentFor(id, 4_999))
    expect((await deliver(api, event)).body).toMatchObject({
      outcome: 'waiting',
      reason: 'amount_mismatch',
    })
    const pending = await api.call(
      admin,
      'GET /transactions/topup/pending?metadata.paymentProblem=amount_mismatch',
    )
    expect(pending.body.items.map((item: { id: string }) => item.id)).toEqual([id])
    const { body } = await api.call(admin, `GET /admin/provider-events?userId=${who.sub}`)
    expect(body.items).toMatchObject([
      { eventId: event.id, topupId: id, amount: 49.99, reason: 'amount_mismatch' },
    ])
    const decided = await api.call(admin, `PATCH /transactions/topup/${id}/process`, {
      status: 'failed',
    })
    expect(decided.status).toBe(200)
    await api.call(admin, `POST /admin/provider-events/${body.items[0].id}/resolve`, {
      resolution: 'paid back at Stripe',
    })
    const after = await api.call(admin, `GET /admin/provider-events?userId=${who.sub}`)
    expect(after.body.items).toEqual([])
  })

  test('of a failed attempt leaves the topup pending; of cancellation fails it', async ({
    api,
  }) => {
    const who = payer()
    const { id } = await ask(api, who)
    const failed = intentFor(id, 5_000, {
      status: 'requires_payment_method',
      last_payment_error: { code: 'card_declined', decline_code: 'stolen_card' },
    })
    expect(
      (await deliver(api, stripeEvent('payment_intent.payment_failed', failed))).body.reason,
    ).toBe('can_be_tried_again')
    expect(await status(api, who, id)).toBe('pending')
    const canceled = intentFor(id, 5_000, { status: 'canceled', cancellation_reason: 'abandoned' })
    await deliver(api, stripeEvent('payment_intent.canceled', canceled))
    expect(await status(api, who, id)).toBe('failed')
  })

  test('of a session that was completed but not paid waits for the money', async ({ api }) => {
    const who = payer()
    const { id } = await ask(api, who)
    const session = {
      ...{ id: `cs_${id}`, object: 'checkout.session', payment_status: 'unpaid' },
      ...{ amount_total: 5_000, currency: 'usd', payment_intent: null, metadata: { topupId: id } },
    }
    expect(
      (await deliver(api, stripeEvent('checkout.session.completed', session))).body.outcome,
    ).toBe('ignored')
    expect(await status(api, who, id)).toBe('pending')
    const paid = { ...session, payment_status: 'paid' }
    await deliver(api, stripeEvent('checkout.session.async_payment_succeeded', paid))
    expect(await balance(api, who)).toBe(50)
  })

  test('of an admin is a case for another admin, and so is their debt', async ({ api }) => {
    const who = { ...payer(), roles: ['admin'] }
    const charge = (id: string, refunded: number) => ({
      ...{ id: `ch_${id}`, object: 'charge', payment_intent: `pi_${id}`, currency: 'usd' },
      ...{ amount: 5_000, amount_refunded: refunded, metadata: { topupId: id } },
    })
    const { id } = await ask(api, who)
    await deliver(api, stripeEvent('payment_intent.succeeded', intentFor(id, 5_000)))
    await api.call(who, 'POST /transactions', { type: 'booking_payment', amount: 50 })
    await deliver(api, stripeEvent('charge.refunded', charge(id, 5_000)))
    await deliver(api, stripeEvent('charge.refunded', charge(id, 6_000)))
    const mine = `?userId=${who.sub}`
    const cases = (await api.call(who, `GET /admin/provider-events${mine}`)).body.items
    const debts = (await api.call(who, `GET /admin/debts${mine}`)).body.items
    for (const [request, body] of [
      [`POST /admin/provider-events/${cases[0].id}/resolve`, { resolution: 'I am honest' }],
      [`POST /admin/debts/${debts[0].id}/settle`, { action: 'write_off' }],
      [`POST /admin/debts/${debts[0].id}/settle`, { action: 'collect' }],
    ] as const) {
      const own = await api.call(who, request, body)
      expect([request, own.status, own.body.code]).toEqual([request, 403, 'self_approval'])
    }
    for (const list of ['provider-events', 'debts']) {
      expect((await api.call(who, `GET /admin/${list}${mine}`)).body.items).toHaveLength(1)
    }
  })

  test.for([
    ['checkout.session.expired', 'before'],
    ['checkout.session.expired', 'after'],
    ['checkout.session.async_payment_failed', 'before'],
    ['checkout.session.async_payment_failed', 'after'],
  ] as const)(
    'is credited if another session of the topup ended by %s %s it',
    async ([end, when], { api }) => {
      const who = payer()
      const { id } = await ask(api, who)
      const session = (n: number) => ({
        ...{ id: `cs_${n}_${id}`, object: 'checkout.session', metadata: { topupId: id } },
        ...{ amount_total: 5_000, currency: 'usd' },
      })
      const ended = stripeEvent(end, session(1))
      const paid = { ...session(2), payment_status: 'paid' }
      const completed = stripeEvent('checkout.session.completed', paid)
      const events = when === 'before' ? [ended, completed] : [completed, ended]
      for (const event of events) await deliver(api, event)
      expect([await balance(api, who), await status(api, who, id)]).toEqual([50, 'success'])
    },
  )

  test('of a refund and of a dispute take the money back', async ({ api }) => {
    const who = payer()
    const { id } = await ask(api, who)
    const charge = {
      ...{ id: `ch_${id}`, object: 'charge', payment_intent: `pi_${id}`, currency: 'usd' },
      ...{ amount: 5_000, amount_refunded: 2_000, metadata: { topupId: id } },
    }
    // The refund is told of before the payment.
    await deliver(api, stripeEvent('charge.refunded', charge))
    await deliver(api, stripeEvent('payment_intent.succeeded', intentFor(id, 5_000)))
    expect(await balance(api, who)).toBe(30)
    const dispute = {
      ...{ id: `du_${id}`, object: 'dispute', payment_intent: `pi_${id}`, charge: `ch_${id}` },
      ...{ amount: 3_000, currency: 'usd', status: 'needs_response', reason: 'fraudulent' },
    }
    await deliver(api, stripeEvent('charge.dispute.created', dispute))
    const { body } = await api.call(who, 'GET /transactions/balance')
    expect([body.balance, body.available]).toEqual([30, 0])
    await deliver(api, stripeEvent('charge.dispute.closed', { ...dispute, status: 'lost' }))
    expect(await balance(api, who)).toBe(0)
  })

  test('that names no topup, or is of no interest, is ignored and not kept', async ({ api }) => {
    const foreign = stripeEvent('payment_intent.succeeded', {
      ...intentFor('x', 100),
      metadata: { order: '7' },
    })
    for (const event of [foreign, stripeEvent('customer.created', { id: 'cus_1' })]) {
      expect(await deliver(api, event)).toMatchObject({ status: 200, body: { outcome: 'ignored' } })
    }
    const rows = await api.sql`select from provider_events where event_id = ${foreign.id}`
    expect(rows).toHaveLength(0)
  })

  test('reaches a topup of the tenant that the metadata names', async ({ api }) => {
    const who: Caller = { ...payer(), tenant: 'other' }
    const { id } = await ask(api, who)
    const intent = intentFor(id, 5_000, { metadata: { topupId: id, tenant: 'other' } })
    await deliver(api, stripeEvent('payment_intent.succeeded', intent))
    expect(await balance(api, who)).toBe(50)
  })
})

test('a service settles a topup in its own name, but never its own topup', async ({ api }) => {
  const who = payer()
  const { id } = await ask(api, who)
  const settled = await api.call(service, `PATCH /transactions/topup/${id}/process`, {
    status: 'success',
  })
  expect([settled.status, settled.body.processedBy]).toEqual([200, service.sub])
  const own = await ask(api, service)
  const refused = await api.call(service, `PATCH /transactions/topup/${own.id}/process`, {
    status: 'success',
  })
  expect([refused.status, refused.body.code]).toEqual([403, 'self_approval'])
  const bulk = await api.call(service, 'POST /transactions/bulk', {
    commands: [
      { type: 'topup_process', transactionId: (await ask(api, who)).id, status: 'success' },
    ],
  })
  expect(bulk.body.results[0].transaction.processedBy).toBe(service.sub)
})
