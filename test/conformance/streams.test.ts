import { Redis } from 'ioredis'
import { io } from 'socket.io-client'
import { describe, expect, onTestFinished } from 'vitest'
import { openWire, type Person, payment, request } from '../support/conformance/api.ts'
import { openEventStream } from '../support/conformance/event-stream.ts'
import {
  conformance,
  isEdge,
  isNode,
  SENDING,
  TRANSPORTS,
  test,
} from '../support/conformance/fixtures.ts'
import { eventually } from '../support/index.ts'
import { connectBy, type TestClient } from '../support/realtime/clients.ts'

const started = ({ received }: TestClient) => eventually(() => expect(received).not.toEqual([]))

const REFUSED = {
  'Socket.IO': (code: string, _status: number) => ({ code }),
  SSE: (_code: string, status: number) => ({ status }),
  WebSocket: (_code: string, status: number) => ({ status }),
}

conformance('streams', () => {
  describe.each(TRANSPORTS)('%s', (transport) => {
    const connect = connectBy[transport]

    test('begins with the balance, and shows each change in order', async ({ people }) => {
      const user = await people.payer(50)
      const client = connect(people.url, user.token)
      await started(client)
      expect(client.received[0]).toMatchObject({
        event: 'balance_initial',
        data: { balance: 50, seq: 2, currency: 'USD' },
      })
      await user.post('/transactions', payment(20))
      await user.post('/transactions', payment(100))
      await eventually(() => expect(client.seqs()).toEqual([3, 4, 5]))
      expect(client.received.slice(1)).toMatchObject([
        {
          event: 'balance_updated',
          data: {
            newBalance: 30,
            previousBalance: 50,
            amount: -20,
            transactionType: 'booking_payment',
          },
        },
        { event: 'transaction_completed', data: { newBalance: 30 } },
        { event: 'balance_insufficient', data: { requiredAmount: 100, shortfall: 70 } },
      ])
    })

    test('delivers many changes without a hole or a repeat', async ({ people }) => {
      const user = await people.payer(50)
      const client = connect(people.url, user.token)
      await started(client)
      await Promise.all(Array.from({ length: 25 }, () => user.post('/transactions', payment(1))))
      const expected = Array.from({ length: 50 }, (_, i) => i + 3)
      await eventually(() => expect(client.seqs()).toEqual(expected))
    })

    test('resumes after the last event of any other transport', async ({ people }) => {
      const user = await people.payer(50)
      const others = TRANSPORTS.filter((one) => one !== transport)
      const first = others.map((other) => connectBy[other](people.url, user.token))
      await Promise.all(first.map(started))
      await user.post('/transactions', payment(1))
      await eventually(() => {
        for (const { received } of first) expect(received).toHaveLength(3)
      })
      for (const one of first) one.close()
      await user.post('/transactions', payment(1))
      for (const { received } of first) {
        const lastEventId = received.at(-1)?.data.id
        const client = connect(people.url, user.token, { lastEventId })
        await eventually(() => expect(client.seqs()).toEqual([5, 6]))
        expect(client.received[0]?.data).toMatchObject({ recovered: true })
      }
    })

    test('from an unknown id begins with the balance, not recovered', async ({ people }) => {
      const user = await people.payer(50)
      const client = connect(people.url, user.token, { lastEventId: 'another-epoch:1' })
      await started(client)
      expect(client.received[0]?.data).toMatchObject({ balance: 50, recovered: false })
    })

    test('refuses a wrong token, and one that has expired', async ({ people }) => {
      const wrong = connect(people.url, 'wrong')
      expect(await wrong.failure).toMatchObject(REFUSED[transport]('unauthorized', 401))
      const { token } = await people.user({ expiresIn: -1 })
      const late = connect(people.url, token)
      expect(await late.failure).toMatchObject(REFUSED[transport]('token_expired', 401))
    })

    test('takes a ticket, once', async ({ people }) => {
      const user = await people.user()
      const { status, body } = await user.post('/balance/ticket', undefined)
      expect(status).toBe(201)
      await started(connect(people.url, body.ticket))
      const again = connect(people.url, body.ticket)
      expect(await again.failure).toMatchObject(REFUSED[transport]('unauthorized', 401))
    })

    test('refuses an unknown currency', async ({ people }) => {
      const { token } = await people.user()
      const client = connect(people.url, token, { currency: 'XXX1' })
      expect(await client.failure).toMatchObject(REFUSED[transport]('invalid_request', 400))
    })
  })

  describe.each(SENDING)('%s', (transport) => {
    test('answers what the client asks', async ({ people }) => {
      const user = await people.payer(50)
      const client = connectBy[transport](people.url, user.token)
      await started(client)
      client.send('get_current_balance')
      await eventually(() => expect(client.received).toHaveLength(2))
      client.send('subscribe_balance')
      await eventually(() => expect(client.received).toHaveLength(3))
      client.send('no_such_event')
      await eventually(() => expect(client.received).toHaveLength(4))
      expect(client.received.slice(1)).toMatchObject([
        { event: 'balance_current', data: { balance: 50 } },
        { event: 'balance_subscribed', data: { currency: 'USD' } },
        { event: 'error', data: { code: 'invalid_request' } },
      ])
    })

    test('goes on with a fresh token of the same user only', async ({ people }) => {
      const user = await people.user()
      const client = connectBy[transport](people.url, user.token)
      await started(client)
      client.send('authenticate', user.token)
      await eventually(() => expect(client.received).toHaveLength(2))
      client.send('authenticate', (await people.user()).token)
      await eventually(() => expect(client.received).toHaveLength(3))
      expect(client.received.slice(1)).toMatchObject([
        { event: 'authenticated', data: { expiresAt: expect.any(String) } },
        { event: 'error', data: { code: 'forbidden' } },
      ])
    })
  })

  describe('SSE', () => {
    const open = ({ token }: Person, url: string, more: Record<string, string> = {}) =>
      openEventStream(`${url}/balance/stream`, { Authorization: `Bearer ${token}`, ...more })

    test('has the headers and the form of an event stream', async ({ people }) => {
      const user = await people.payer(50)
      const stream = await open(user, people.url)
      expect(Object.fromEntries(stream.headers)).toMatchObject({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
        ...(isNode && { connection: 'keep-alive' }),
      })
      await eventually(() => expect(stream.blocks()).toHaveLength(1))
      const [{ event, id, data }] = stream.blocks() as [ReturnType<typeof stream.blocks>[0]]
      expect(stream.text()).toMatch(/^retry: \d+\n\nevent: balance_initial\nid: /)
      expect([event, id]).toEqual(['balance_initial', data.id])
    })

    test('resumes from the header Last-Event-ID', async ({ people }) => {
      const user = await people.payer(50)
      const stream = await open(user, people.url)
      await eventually(() => expect(stream.blocks()).toHaveLength(1))
      stream.close()
      await user.post('/transactions', payment(1))
      const id = stream.blocks()[0]?.id as string
      const again = await open(user, people.url, { 'Last-Event-ID': id })
      await eventually(() => expect(again.blocks()).toHaveLength(3))
      expect(again.blocks().map(({ data }) => data.seq)).toEqual([2, 3, 4])
    })

    test('answers HEAD without a stream', async ({ people }) => {
      const user = await people.user()
      const { status, headers, text } = await user.call('HEAD', '/balance/stream')
      expect([status, text]).toEqual([200, ''])
      expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    })
  })

  describe.skipIf(isEdge)('Socket.IO', () => {
    test.for([['polling'], ['polling', 'websocket']])(
      'works by %s',
      async (transports, { people }) => {
        const user = await people.payer(50)
        const options = { auth: { token: user.token }, transports, forceNew: true }
        const socket = io(`${people.url}/balance`, options)
        onTestFinished(() => void socket.close())
        const events: string[] = []
        socket.onAny((event) => events.push(event))
        await eventually(() => expect(events).toEqual(['balance_initial']))
        await user.post('/transactions', payment(1))
        await eventually(() =>
          expect(events).toEqual(['balance_initial', 'balance_updated', 'transaction_completed']),
        )
        expect(await socket.emitWithAck('get_current_balance')).toMatchObject({ balance: 49 })
      },
    )

    test('has one namespace', async ({ people }) => {
      const { token } = await people.user()
      const socket = io(people.url, { auth: { token }, reconnection: false, forceNew: true })
      onTestFinished(() => void socket.close())
      const error = await new Promise<{ data?: { code?: string } }>((resolve) =>
        socket.on('connect_error', (error) => resolve(error as never)),
      )
      expect(error.data?.code).toBe('not_found')
    })
  })

  test.for([
    ['SSE', '/balance/stream', []],
    [
      'WebSocket',
      '/balance',
      [
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ],
    ],
  ] as const)(
    'a %s client that stops reading gets the newest balance when it reads again',
    async ([_, path, headers], { people, redis }) => {
      const user = await people.payer(50)
      const wire = openWire(people.url)
      const lines = [`GET ${path}?token=${user.token} HTTP/1.1`, 'Host: localhost', ...headers]
      wire.write(`${lines.join('\r\n')}\r\n\r\n`)
      await eventually(() => expect(wire.received()).toContain('balance_initial'))
      const [, epoch] = /"id":"([^:"]+):2"/.exec(wire.received()) ?? []
      wire.pause()
      const publisher = new Redis(redis.url)
      onTestFinished(() => publisher.disconnect())
      // Events of the bus that the ledger does not have: more bytes than the buffers of the system hold.
      for (let seq = 3; seq < 4000; seq++) {
        const message = {
          ...{ event: 'balance_updated', userId: user.id, tenantId: 'default' },
          ...{ newBalance: 50, previousBalance: 50, timestamp: '2026-01-01T00:00:00.000000Z' },
          ...{ transactionId: 'x'.repeat(8000), transactionType: 'topup', amount: 1 },
          ...{ id: `${epoch}:${seq}`, seq, currency: 'USD' },
        }
        const sent = publisher.publish('balance:updates', JSON.stringify(message))
        if (seq % 100 === 0) await sent
      }
      wire.resume()
      await eventually(() => expect(wire.received()).toContain('"conflated":true'))
      await user.post('/transactions', payment(1))
      await eventually(() => expect(wire.received()).toContain('"newBalance":49'))
      const received = wire.received().split('balance_initial')
      expect(received).toHaveLength(3)
      expect(received[2]).toContain('"balance":50,')
    },
  )

  test('a user has at most 20 connections, over all transports', async ({ people }) => {
    const { token } = await people.user()
    const clients = Array.from({ length: 20 }, (_, i) => {
      const transport = TRANSPORTS[i % TRANSPORTS.length] ?? 'SSE'
      return connectBy[transport](people.url, token)
    })
    await Promise.all(clients.map(started))
    for (const transport of TRANSPORTS) {
      const refused = connectBy[transport](people.url, token)
      expect(await refused.failure).toMatchObject(REFUSED[transport]('too_many_connections', 429))
    }
    clients[0]?.close()
    await eventually(async () => {
      const next = connectBy.WebSocket(people.url, token)
      await Promise.race([started(next), next.failure])
      expect(next.received).toHaveLength(1)
    })
  })

  test('an upgrade to another path is 404', async ({ people }) => {
    const client = connectBy.WebSocket(`${people.url}/nowhere`, 'any')
    expect(await client.failure).toEqual({ status: 404 })
  })

  test('a page of another origin may not connect', async ({ people }) => {
    const { token } = await people.user()
    const headers = { Origin: 'https://evil.example' }
    const answer = await request(`${people.url}/balance/stream?token=${token}`, 'GET', { headers })
    expect([answer.status, answer.body.code]).toEqual([403, 'forbidden'])
  })

  test('the metrics count the open streams', async ({ people }) => {
    const user = await people.user()
    const clients = TRANSPORTS.map((transport) => connectBy[transport](people.url, user.token))
    await Promise.all(clients.map(started))
    const { text } = await request(`${people.url}/metrics`, 'GET')
    for (const transport of TRANSPORTS.map((name) => name.toLowerCase())) {
      const line = new RegExp(
        `^livebalance_connections{transport="${transport}"} ([1-9]\\d*)$`,
        'm',
      )
      expect(text).toMatch(line)
    }
  })
})
