import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Stripe from 'stripe'
import type { LedgerApp } from '../routes/ledger-app.ts'

export const STRIPE_SECRET = 'whsec_stripe_of_the_tests'

const stripe = new Stripe('sk_test_unused')

/** The body and the headers of an event, signed as Stripe does. */
export function signedByStripe(
  event: object,
  { secret = STRIPE_SECRET, timestamp }: { secret?: string; timestamp?: number } = {},
) {
  const body = JSON.stringify(event)
  const signature = stripe.webhooks.generateTestHeaderString({
    payload: body,
    secret,
    ...(timestamp !== undefined && { timestamp }),
  })
  return { body, headers: { 'Content-Type': 'application/json', 'Stripe-Signature': signature } }
}

let events = 0

/** An event with a new id. */
export const stripeEvent = (type: string, object: object, id = `evt_${++events}`) => ({
  ...{ id, object: 'event', api_version: '2026-01-01', created: 1_762_252_200, type },
  data: { object },
})

/** A PaymentIntent for a topup. `amount` is in Stripe's units. */
export const intentFor = (topupId: string, amount: number, more: object = {}) => ({
  ...{ id: `pi_${topupId}`, object: 'payment_intent', amount, amount_received: amount },
  ...{ currency: 'usd', status: 'succeeded', metadata: { topupId, tenant: 'default' } },
  ...more,
})

/** The answer to an event: of success, or of an error. */
export interface ProviderAnswer {
  outcome?: string
  reason?: string | null
  repeated?: boolean
  code?: string
}

/** Sends a signed event to the app. */
export async function deliver(api: Pick<LedgerApp, 'app'>, event: object) {
  const { body, headers } = signedByStripe(event)
  const response = await api.app.request('/providers/stripe', { method: 'POST', body, headers })
  return { status: response.status, body: (await response.json()) as ProviderAnswer }
}

export interface StubIntent {
  id: string
  params: Record<string, string>
  status: string
}

/** As much of Stripe's API as the server uses, on loopback. */
export class StripeStub {
  readonly intents: StubIntent[] = []
  /** Requests so far, by method and path. */
  readonly requests: string[] = []
  /** Answers with this status and code from now on, in place of work. */
  failure: { status: number; code: string; declineCode?: string } | undefined
  #byKey = new Map<string, StubIntent>()
  #server: Server | undefined
  url = ''

  async listen(port = 0): Promise<this> {
    this.#server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += chunk
      const { method = '', url = '' } = request
      this.requests.push(`${method} ${url}`)
      const key = request.headers['idempotency-key']?.toString()
      const [status, answer] = this.#answer(url, new URLSearchParams(body), key)
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer))
    })
    const server = this.#server
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return this
  }

  close(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }

  #answer(url: string, params: URLSearchParams, key: string | undefined): [number, object] {
    if (this.failure) {
      const { status, code, declineCode } = this.failure
      const type = status === 402 ? 'card_error' : 'api_error'
      return [status, { error: { type, code, decline_code: declineCode, message: code } }]
    }
    const id = /^\/v1\/payment_intents\/([^/]+)/.exec(url)?.[1]
    const known = id ? this.intents.find((intent) => intent.id === id) : this.#byKey.get(key ?? '')
    if (id && !known) return [404, { error: { type: 'invalid_request_error', message: id } }]
    if (known && url.endsWith('/cancel')) known.status = 'canceled'
    return [200, asJson(known ?? this.#create(Object.fromEntries(params), key))]
  }

  #create(params: Record<string, string>, key: string | undefined): StubIntent {
    const status = params.confirm === 'true' ? 'succeeded' : 'requires_payment_method'
    const intent = { id: `pi_${this.intents.length + 1}`, params, status }
    this.intents.push(intent)
    if (key) this.#byKey.set(key, intent)
    return intent
  }
}

function asJson({ id, params, status }: StubIntent) {
  return {
    ...{ id, object: 'payment_intent', status, amount: Number(params.amount) },
    ...{ amount_received: Number(params.amount), currency: params.currency },
    client_secret: `${id}_secret`,
    metadata: {
      topupId: params['metadata[topupId]'],
      tenant: params['metadata[tenant]'],
      userId: params['metadata[userId]'],
    },
  }
}

/** The event that Stripe sends when an intent of the stub is paid. */
export const paidAtStub = (intent: StubIntent) =>
  stripeEvent('payment_intent.succeeded', { ...asJson(intent), status: 'succeeded' })
