/**
 * Bookings in the same Postgres as the ledger: a booking and its payment commit together, or neither does.
 *
 *   DATABASE_URL=postgres://shop:…@localhost:5432/livebalance node --import tsx examples/booking/app.ts
 *
 * The login needs the role of applications: docs/guide/sql.md. Money can only be moved by its functions.
 * POST /bookings {"id": "…", "userId": "…", "amount": 30} books and pays. DELETE /bookings/<id> cancels and refunds.
 */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import postgres from 'postgres'

const { DATABASE_URL = '', PORT = '4000' } = process.env
const sql = postgres(DATABASE_URL)

/** The SQLSTATE of a refusal for want of money. */
const INSUFFICIENT_FUNDS = 'LB201'

await sql`
  create table if not exists bookings (
    id text primary key,
    user_id text not null,
    paid_by uuid,
    cancelled_at timestamptz
  )`

const app = new Hono()
  .post('/bookings', async (c) => {
    const { id, userId, amount } = await c.req.json<{
      id: string
      userId: string
      amount: number
    }>()
    try {
      const paidBy = await sql.begin(async (tx) => {
        await tx`insert into bookings (id, user_id) values (${id}, ${userId})`
        const [payment] = await tx<{ transaction_id: string }[]>`
          select transaction_id from livebalance.pay(
            user_id => ${userId}, amount => ${amount}, reference_id => ${id}, reference_type => 'booking')`
        await tx`update bookings set paid_by = ${payment?.transaction_id ?? null} where id = ${id}`
        return payment?.transaction_id
      })
      return c.json({ booked: true, paidBy }, 201)
    } catch (error) {
      if (!(error instanceof postgres.PostgresError) || error.code !== INSUFFICIENT_FUNDS)
        throw error
      return c.json({ booked: false, reason: error.message }, 402)
    }
  })
  .delete('/bookings/:id', async (c) => {
    const refunded = await sql.begin(async (tx) => {
      const [booking] = await tx<{ paid_by: string }[]>`
        update bookings set cancelled_at = now()
        where id = ${c.req.param('id')} and cancelled_at is null returning paid_by`
      if (!booking) return false
      await tx`select livebalance.refund(transaction_id => ${booking.paid_by}::uuid)`
      return true
    })
    return c.json({ refunded }, refunded ? 200 : 404)
  })

serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`Bookings are taken on http://127.0.0.1:${port}`)
})
