/**
 * A model that writes word by word, and is paid by the word. It stops when the money that the user set aside is used up.
 *
 *   LIVEBALANCE_URL=http://localhost:3000 SERVICE_TOKEN=… node --import tsx examples/metered/model.ts
 *
 * POST /stories {"userId": "…", "budget": 0.05} answers with the words. Each costs 0.01.
 */
import { serve } from '@hono/node-server'
import { EventSource } from 'eventsource'
import { Hono } from 'hono'
import { streamText } from 'hono/streaming'
import { createServiceClient, LivebalanceError } from 'livebalance/server'

const { LIVEBALANCE_URL = 'http://localhost:3000', SERVICE_TOKEN = '', PORT = '4000' } = process.env

const PRICE = 0.01
const STORY = 'Once upon a time a ledger kept every coin in its place and nobody lost one.'.split(
  ' ',
)

const balance = createServiceClient({ url: LIVEBALANCE_URL, token: SERVICE_TOKEN })

/** What stops the writing for each hold. */
const running = new Map<string, AbortController>()

/** What happens to our holds, on whatever process of ours they are captured. */
const events = new EventSource(`${LIVEBALANCE_URL}/service/stream`, {
  fetch: (url, init) =>
    fetch(url, { ...init, headers: { ...init.headers, Authorization: `Bearer ${SERVICE_TOKEN}` } }),
})
events.addEventListener('service_initial', ({ data }) => {
  for (const hold of JSON.parse(data).holds) act(hold.event, hold.transactionId)
})
for (const name of ['hold_exhausted', 'hold_expiring']) {
  events.addEventListener(name, ({ data }) => act(name, JSON.parse(data).transactionId))
}

function act(event: string, hold: string): void {
  if (!running.has(hold)) return
  if (event === 'hold_exhausted') running.get(hold)?.abort()
  else void balance.extend(hold, { expiresIn: 60 }).catch(console.error)
}

const app = new Hono().post('/stories', async (c) => {
  const { userId, budget } = await c.req.json<{ userId: string; budget: number }>()
  const hold = await balance.hold({ userId, amount: budget, expiresIn: 60, description: 'a story' })
  const stop = new AbortController()
  running.set(hold.id, stop)
  return streamText(c, async (stream) => {
    try {
      for (const [i, word] of STORY.entries()) {
        if (stop.signal.aborted || stream.aborted) break
        // Paid before it is sent. The key makes a repeated request count once.
        const part = { amount: PRICE, final: false }
        await balance.capture(hold.id, part, { idempotencyKey: `${hold.id}-${i}` })
        await stream.write(`${word} `)
      }
    } catch (error) {
      // The event comes from another way, so the next word may be refused before it is here.
      if (!(error instanceof LivebalanceError && error.code === 'capture_exceeds_hold')) throw error
    } finally {
      running.delete(hold.id)
      // All parts become one payment, and the rest is available again.
      await balance.release(hold.id, {}, { idempotencyKey: `${hold.id}-end` })
    }
  })
})

app.onError((error, c) => {
  if (!(error instanceof LivebalanceError)) throw error
  return c.json(
    { code: error.code, ...error.details },
    error.code === 'insufficient_funds' ? 402 : 502,
  )
})

serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`Stories are written on http://127.0.0.1:${port}`)
})
