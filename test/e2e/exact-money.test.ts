import { Redis } from 'ioredis'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { WebSocket } from 'ws'
import { MAX_MINOR, toDecimal } from '../../src/ledger/money.ts'
import { walletKeys } from '../../src/realtime/bus/keys.ts'
import { type LiveServer, openLiveServer } from '../support/client/live-server.ts'
import { eventually, mintToken, redisUrl } from '../support/index.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** The text of a response, with every digit as it was sent. */
async function raw({ url }: LiveServer, token: string, request: string, body?: string) {
  const [method = '', path = ''] = request.split(' ')
  const response = await fetch(url + path, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    ...(body !== undefined && { body }),
  })
  return { status: response.status, text: await response.text() }
}

/** The messages of each transport to a user, as text. */
function listen({ url }: LiveServer, token: string): Record<string, () => string> {
  const heard = { sse: '', websocket: '', 'socket.io': '' }
  const stop = new AbortController()
  ends.push(() => stop.abort())
  void (async () => {
    const { body } = await fetch(`${url}/balance/stream?token=${token}`, { signal: stop.signal })
    const decoder = new TextDecoder()
    for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
      heard.sse += decoder.decode(bytes, { stream: true })
    }
  })().catch(() => {})

  const socket = (path: string) => {
    const opened = new WebSocket(`${url.replace('http', 'ws')}${path}`)
    ends.push(() => opened.terminate())
    return opened
  }
  const plain = socket(`/balance?token=${token}`)
  plain.on('message', (data) => {
    heard.websocket += `${data}\n`
  })
  // Raw Engine.IO and Socket.IO, because their client would parse the numbers.
  const engine = socket('/socket.io/?EIO=4&transport=websocket')
  engine.on('message', (data) => {
    const text = `${data}`
    if (text.startsWith('0')) engine.send(`40/balance,${JSON.stringify({ token })}`)
    if (text === '2') engine.send('3')
    heard['socket.io'] += `${text}\n`
  })
  return Object.fromEntries(Object.keys(heard).map((name) => [name, () => heard[name as 'sse']]))
}

/** The values of a field in the order of the events, digit by digit. */
const valuesOf = (text: string, event: string, field: string) =>
  text
    .split('\n')
    .map((line, i, lines) => (lines[i - 2] === `event: ${event}` ? `"${event}"${line}` : line))
    .filter((line) => line.includes(`"${event}"`))
    .map((line) => new RegExp(`"${field}":([^,}]*)`).exec(line)?.[1])

describe.each(['JPY', 'USD', 'KWD'])('%s', (currency) => {
  test('the largest and the smallest amount come through REST, every transport and Redis to the last digit', async () => {
    const server = await openLiveServer({ CURRENCY: currency })
    ends.push(server.close)
    const [user, admin] = await Promise.all([
      mintToken({ sub: 'max' }),
      mintToken({ sub: 'ada', roles: ['admin'] }),
    ])
    const published: string[] = []
    const redis = inject('redisUrl') === null ? undefined : new Redis(redisUrl())
    if (redis) {
      const subscriber = redis.duplicate()
      ends.push(() => Promise.all([redis.quit(), subscriber.quit()]))
      subscriber.on('message', (_, text) => published.push(text))
      await subscriber.subscribe('balance:updates')
    }
    const heard = listen(server, user)
    for (const text of Object.values(heard)) {
      await eventually(() => expect(text()).toContain('balance_initial'))
    }

    const largest = toDecimal(MAX_MINOR, currency)
    const smallest = toDecimal(1n, currency)
    for (const amount of [largest, smallest]) {
      const asked = await raw(server, user, 'POST /transactions/topup', `{"amount":${amount}}`)
      expect(asked.text).toContain(`"amount":${amount},`)
      const { id } = JSON.parse(asked.text)
      const processed = await raw(
        server,
        admin,
        `PATCH /transactions/topup/${id}/process`,
        '{"status":"success"}',
      )
      expect(processed.text).toContain(`"previousBalance":0,"newBalance":${amount},`)

      const key = walletKeys(currency).balance({ tenant: 'default', userId: 'max' }, currency)
      expect(key).toBe('balance:user:max')
      if (redis) await eventually(async () => expect(await redis.get(key)).toBe(amount))
      for (const path of [
        '',
        '/cached',
        '/snapshot',
        `?at=${encodeURIComponent(new Date(Date.now() + 1_000).toISOString())}`,
      ]) {
        const read = await raw(server, user, `GET /transactions/balance${path}`)
        expect(read.text).toContain(`"balance":${amount},`)
      }
      // The other form of input: decimal text.
      const paid = await raw(
        server,
        user,
        'POST /transactions',
        `{"type":"booking_payment","amount":"${amount}"}`,
      )
      expect(paid.text).toContain(`"amount":-${amount},`)
      expect(paid.text).toContain(`"previousBalance":${amount},"newBalance":0,`)
      for (const format of ['csv', 'ndjson']) {
        const { text } = await raw(server, user, `GET /transactions/export?format=${format}`)
        expect(text).toContain(
          format === 'csv' ? `,-${amount},${currency},` : `"amount":-${amount},`,
        )
      }
    }

    const balances = [largest, '0', smallest, '0']
    const amounts = [largest, `-${largest}`, smallest, `-${smallest}`]
    for (const [transport, text] of Object.entries(heard)) {
      await eventually(() =>
        expect([transport, valuesOf(text(), 'balance_updated', 'newBalance')]).toEqual([
          transport,
          balances,
        ]),
      )
      expect(valuesOf(text(), 'balance_updated', 'amount')).toEqual(amounts)
      expect(valuesOf(text(), 'transaction_completed', 'amount')).toEqual(amounts)
    }
    if (redis) {
      await eventually(() => {
        const ours = published.filter(
          (text) => /"userId":"max"/.test(text) && text.includes(`"${currency}"`),
        )
        expect(valuesOf(ours.join('\n'), 'balance_updated', 'newBalance')).toEqual(balances)
      })
    }

    const above = toDecimal(MAX_MINOR + 1n, currency)
    for (const amount of [
      above,
      `${smallest.includes('.') ? smallest : '0.'}1`,
      '0',
      `-${smallest}`,
    ]) {
      const { status, text } = await raw(
        server,
        user,
        'POST /transactions/topup',
        `{"amount":${amount}}`,
      )
      expect([amount, status, JSON.parse(text).code]).toEqual([amount, 400, 'invalid_amount'])
    }
  })
})
