/**
 * The backend of a shop, which learns of every topup by a webhook.
 *
 *   LIVEBALANCE_URL=http://localhost:3000 ADMIN_TOKEN=… node --import tsx examples/shop-with-provider/shop.ts
 *
 * Start Livebalance with WEBHOOK_ALLOW_PRIVATE=true, since the shop is on your own machine, and provider.ts beside it.
 * Ask for a topup with a user's token, pay it with POST /pay of provider.ts, and see GET /topups/<user id>.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { createServiceClient, verifyWebhook, WebhookVerificationError } from 'livebalance/server'

const { LIVEBALANCE_URL = 'http://localhost:3000', ADMIN_TOKEN = '', PORT = '4000' } = process.env

const balance = createServiceClient({ url: LIVEBALANCE_URL, token: ADMIN_TOKEN })

/** Set as soon as the shop knows its own address. */
let secret = ''

/** Events by user, each once, in order. A real shop writes them to its database before it answers. */
const received = new Map<string, { seq: number; event: string; newBalance?: number }[]>()

const app = new Hono()
  .post('/hooks', async (c) => {
    const event = await verifyWebhook(await c.req.text(), c.req.header(), secret)
    if (event.type !== 'balance_updated' && event.type !== 'transaction_completed')
      return c.body(null)
    const { userId, seq, newBalance } = event
    const known = received.get(userId) ?? []
    received.set(userId, known)
    // A delivery may come twice. Its `seq` says so.
    if (seq > (known.at(-1)?.seq ?? 0)) known.push({ seq, event: event.type, newBalance })
    return c.body(null)
  })
  .get('/topups/:userId', (c) => c.json(received.get(c.req.param('userId')) ?? []))
  .onError((error, c) => {
    if (error instanceof WebhookVerificationError) return c.json({ code: error.reason }, 400)
    throw error
  })

const server = createServer(getRequestListener(app.fetch))
server.listen(Number(PORT), '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const events = ['balance_updated', 'transaction_completed']
  const webhook = await balance.webhooks.create({ url: `${url}/hooks`, events })
  secret = webhook.secret
  console.log(`The shop listens on ${url}`)
})
