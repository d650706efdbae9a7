/**
 * The backend of a shop. Its bookings are paid from the buyer's balance.
 *
 *   LIVEBALANCE_URL=http://localhost:3000 SERVICE_TOKEN=… node --import tsx examples/node-service/service.ts
 *
 * POST /bookings {"id": "…", "userId": "…", "amount": 30} pays. DELETE /bookings/<id> refunds the payment.
 */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createServiceClient, LivebalanceError } from 'livebalance/server'

const { LIVEBALANCE_URL = 'http://localhost:3000', SERVICE_TOKEN = '', PORT = '4000' } = process.env

const balance = createServiceClient({ url: LIVEBALANCE_URL, token: SERVICE_TOKEN })

/** Payments by booking. A real shop keeps them in its database. */
const payments = new Map<string, string>()

const app = new Hono()
  .post('/bookings', async (c) => {
    const { id, userId, amount } = await c.req.json<{
      id: string
      userId: string
      amount: number
    }>()
    // The key is the booking's, so a booking is paid once, even if the shop restarts between two requests.
    const payment = await balance.pay(
      { userId, amount, referenceId: id, referenceType: 'booking', description: `Booking ${id}` },
      { idempotencyKey: `booking-${id}` },
    )
    payments.set(id, payment.id)
    return c.json({ paid: true, transactionId: payment.id }, 201)
  })
  .delete('/bookings/:id', async (c) => {
    const id = c.req.param('id')
    const payment = payments.get(id)
    if (payment === undefined) return c.json({ refunded: false }, 404)
    await balance.refund(payment, {}, { idempotencyKey: `cancel-${id}` })
    return c.json({ refunded: true })
  })
  .onError((error, c) => {
    if (!(error instanceof LivebalanceError)) throw error
    const { code, details } = error
    if (code === 'insufficient_funds') return c.json({ paid: false, ...details }, 402)
    console.error(error)
    return c.json({ paid: false, reason: code }, 502)
  })

serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`The shop listens on http://127.0.0.1:${port}`)
})
