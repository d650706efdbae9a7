/**
 * The backend of a shop. Its bookings are paid from the buyer's balance.
 *
 *   LIVEBALANCE_URL=http://localhost:3000 SERVICE_TOKEN=… node --import tsx examples/node-service/service.ts
 *
 * POST /bookings {"id": "…", "userId": "…", "amount": 30} pays. DELETE /bookings/<id> refunds the payment.
 */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const { LIVEBALANCE_URL = 'http://localhost:3000', SERVICE_TOKEN = '', PORT = '4000' } = process.env

/** Payments by booking. A real shop keeps them in its database. */
const payments = new Map<string, string>()

/**
 * Calls the balance server. The key makes it safe to repeat a call: the same key and body return the first answer
 * again and move no money. After an unknown outcome (503 `timeout`, a lost connection) the call is repeated.
 */
async function call(path: string, key: string, body: object): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(LIVEBALANCE_URL + path, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${SERVICE_TOKEN}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': key,
      },
      body: JSON.stringify(body),
    }).catch((error: unknown) => {
      if (attempt === 5) throw error
      return undefined
    })
    if (answer && (answer.status !== 503 || attempt === 5)) return answer
    await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt))
  }
}

const app = new Hono()
  .post('/bookings', async (c) => {
    const { id, userId, amount } = await c.req.json<{
      id: string
      userId: string
      amount: number
    }>()
    const answer = await call('/transactions', `booking-${id}`, {
      type: 'booking_payment',
      userId,
      amount,
      referenceType: 'booking',
      description: `Booking ${id}`,
    })
    const result = (await answer.json()) as { id: string; code?: string; details?: object }
    if (answer.status === 402) return c.json({ paid: false, ...result.details }, 402)
    if (!answer.ok) return c.json({ paid: false, reason: result.code }, 502)
    payments.set(id, result.id)
    return c.json({ paid: true, transactionId: result.id }, 201)
  })
  .delete('/bookings/:id', async (c) => {
    const id = c.req.param('id')
    const payment = payments.get(id)
    if (payment === undefined) return c.json({ refunded: false }, 404)
    const answer = await call(`/transactions/${payment}/refund`, `cancel-${id}`, {})
    return c.json({ refunded: answer.ok }, answer.ok ? 200 : 502)
  })

serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`The shop listens on http://127.0.0.1:${port}`)
})
