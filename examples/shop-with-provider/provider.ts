/**
 * A stand-in for Stripe on your own machine: as much of its API as a topup needs, and events with its signature.
 *
 *   STRIPE_WEBHOOK_SECRET=whsec_12345678 node --import tsx examples/shop-with-provider/provider.ts
 *
 * Start Livebalance with the same secret, STRIPE_SECRET_KEY=sk_test_12345678 and STRIPE_API_URL=http://127.0.0.1:4001.
 * POST /pay {"clientSecret": "…"} pays, as Stripe.js does in a page. Each event is sent twice, and late ones last, for
 * Stripe promises neither order nor a single delivery.
 */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import Stripe from 'stripe'

const {
  LIVEBALANCE_URL = 'http://localhost:3000',
  STRIPE_WEBHOOK_SECRET = 'whsec_12345678',
  PORT = '4001',
} = process.env

const stripe = new Stripe('sk_test_unused')

interface Intent {
  id: string
  client_secret: string
  amount: number
  currency: string
  metadata: Record<string, string>
}

const intents: Intent[] = []
const byKey = new Map<string, Intent>()

const app = new Hono()
  .post('/v1/payment_intents', async (c) => {
    const key = c.req.header('Idempotency-Key') ?? ''
    const known = byKey.get(key)
    if (known) return c.json(known)
    const fields = new URLSearchParams(await c.req.text())
    const id = `pi_${intents.length + 1}`
    const intent: Intent = {
      id,
      client_secret: `${id}_secret`,
      amount: Number(fields.get('amount')),
      currency: fields.get('currency') ?? '',
      metadata: {
        topupId: fields.get('metadata[topupId]') ?? '',
        tenant: fields.get('metadata[tenant]') ?? '',
      },
    }
    intents.push(intent)
    byKey.set(key, intent)
    return c.json(intent)
  })
  .get('/v1/payment_intents/:id', (c) => {
    const intent = intents.find(({ id }) => id === c.req.param('id'))
    return intent ? c.json(intent) : c.json({ error: { type: 'invalid_request_error' } }, 404)
  })
  .post('/pay', async (c) => {
    const { clientSecret } = await c.req.json<{ clientSecret: string }>()
    const intent = intents.find(({ client_secret }) => client_secret === clientSecret)
    if (!intent) return c.json({ paid: false }, 404)
    // The first card was declined. The report of it comes after that of the success.
    await report('payment_intent.succeeded', { ...intent, amount_received: intent.amount })
    await report('payment_intent.payment_failed', { ...intent, status: 'requires_payment_method' })
    return c.json({ paid: true })
  })

async function report(type: string, object: Intent & object): Promise<void> {
  const id = `evt_${object.id}_${type}`
  const body = JSON.stringify({ id, object: 'event', type, data: { object } })
  for (let sent = 0; sent < 2; ) {
    const signature = stripe.webhooks.generateTestHeaderString({
      payload: body,
      secret: STRIPE_WEBHOOK_SECRET,
    })
    const response = await fetch(`${LIVEBALANCE_URL}/providers/stripe`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Stripe-Signature': signature },
      body,
    }).catch(() => undefined)
    // Stripe repeats for three days what was not accepted.
    if (response?.ok) sent += 1
    else await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`The provider listens on http://127.0.0.1:${port}`)
})
