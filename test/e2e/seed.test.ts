import { rm } from 'node:fs/promises'
import { EventSource } from 'eventsource'
import { Redis } from 'ioredis'
import { io, type Socket } from 'socket.io-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
import {
  makeDataFolder,
  type NpmStart,
  npmStart,
  type Screen,
  screenOf,
} from '../support/e2e/npm-start.ts'
import { describeWithPrivateRedis, eventually, startPrivateRedis } from '../support/index.ts'

/** The seed document, run against `npm start`. The Redis belongs to the test, so that it can read it. */
describeWithPrivateRedis('the seed document, step by step', () => {
  let redis: Awaited<ReturnType<typeof startPrivateRedis>>
  let listener: Redis
  let dataDir: string
  let server: NpmStart
  let screen: Screen
  let socket: Socket
  let stream: EventSource
  const published: string[] = []
  const onSocket: [string, Record<string, unknown>][] = []
  const onStream: [string, Record<string, unknown>][] = []

  const EVENTS = [
    'balance_initial',
    'balance_updated',
    'balance_insufficient',
    'transaction_completed',
    'transaction_failed',
    'balance_current',
    'balance_subscribed',
  ]

  beforeAll(async () => {
    redis = await startPrivateRedis()
    listener = new Redis(redis.url)
    await listener.subscribe('balance:updates')
    listener.on('message', (_, message) => published.push(message))
    dataDir = await makeDataFolder()
    server = npmStart({ PORT: '0', DATA_DIR: dataDir, REDIS_URL: redis.url })
    screen = await screenOf(server)
    socket = io(`${screen.url}/balance`, { auth: { token: screen.userToken } })
    stream = new EventSource(`${screen.url}/balance/stream?token=${screen.userToken}`)
    for (const name of EVENTS) {
      socket.on(name, (data) => onSocket.push([name, data]))
      stream.addEventListener(name, ({ data }) => onStream.push([name, JSON.parse(data)]))
    }
  })

  afterAll(async () => {
    socket?.close()
    stream?.close()
    listener?.disconnect()
    server?.process.kill('SIGTERM')
    await server?.ended()
    await redis?.close()
    if (dataDir) await rm(dataDir, { recursive: true, force: true })
  })

  async function call(method: string, path: string, token: string, body?: unknown) {
    const response = await fetch(screen.url + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as Record<string, never> }
  }

  const asUser = (method: string, path: string, body?: unknown) =>
    call(method, path, screen.userToken, body)
  const asAdmin = (method: string, path: string, body?: unknown) =>
    call(method, path, screen.adminToken, body)

  /** Waits until both transports received this many events, then returns them. */
  async function received(count: number) {
    await eventually(() => {
      expect(onSocket.length).toBeGreaterThanOrEqual(count)
      expect(onStream.length).toBeGreaterThanOrEqual(count)
    })
    const seen = { socket: onSocket.splice(0), stream: onStream.splice(0) }
    expect(seen.socket).toHaveLength(count)
    expect(seen.stream).toHaveLength(count)
    return seen
  }

  async function requestTopup(amount: number): Promise<string> {
    const { status, body } = await asUser('POST', '/transactions/topup', { amount })
    expect(status).toBe(201)
    expect(body).toMatchObject({ type: 'topup', status: 'pending', amount, newBalance: null })
    return body.id as unknown as string
  }

  const TIMESTAMP = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)

  test('a client gets its balance when it connects, on Socket.IO and on SSE', async () => {
    const { socket: a, stream: b } = await received(1)
    expect(a[0]).toMatchObject(['balance_initial', { balance: 0, seq: 0, currency: 'USD' }])
    expect(b[0]).toMatchObject(['balance_initial', { balance: 0, seq: 0, currency: 'USD' }])
  })

  test('an approved topup is one balance_updated and one transaction_completed on both', async () => {
    const id = await requestTopup(50)
    const approved = await asAdmin('PATCH', `/transactions/topup/${id}/process`, {
      status: 'success',
    })
    expect(approved.status).toBe(200)
    expect(approved.body).toMatchObject({ status: 'success', previousBalance: 0, newBalance: 50 })

    const about = { transactionId: id, transactionType: 'topup', amount: 50, timestamp: TIMESTAMP }
    const expected = [
      ['balance_updated', { newBalance: 50, previousBalance: 0, ...about, seq: 1 }],
      ['transaction_completed', { newBalance: 50, ...about, seq: 2 }],
    ]
    const seen = await received(2)
    expect(seen.socket).toMatchObject(expected)
    expect(seen.stream).toMatchObject(expected)

    await eventually(() => expect(published).toHaveLength(2))
    const messages = published.splice(0).map((text) => JSON.parse(text))
    expect(messages).toMatchObject([
      { event: 'balance_updated', userId: 'demo-user', newBalance: 50, previousBalance: 0 },
      { event: 'transaction_completed', userId: 'demo-user', newBalance: 50 },
    ])
  })

  test('the cache holds the plain balance for an hour, and /cached says that it came from there', async () => {
    const reader = new Redis(redis.url)
    expect(await reader.get('balance:user:demo-user')).toBe('50')
    expect(await reader.ttl('balance:user:demo-user')).toBeGreaterThan(3500)
    await reader.set('balance:user:demo-user', '50', 'EX', 3600)
    const cached = await asUser('GET', '/transactions/balance/cached')
    expect(cached.body).toEqual({ balance: 50, cached: true })
    await reader.flushall()
    const missed = await asUser('GET', '/transactions/balance/cached')
    expect(missed.body).toEqual({ balance: 50, cached: false })
    reader.disconnect()
  })

  test('processing it again is a conflict and sends nothing', async () => {
    const mine = await asUser('GET', '/transactions/my-transactions')
    const [topup] = mine.body.items as unknown as { id: string }[]
    for (const status of ['success', 'failed']) {
      const again = await asAdmin('PATCH', `/transactions/topup/${topup?.id}/process`, { status })
      expect(again).toMatchObject({ status: 409, body: { code: 'already_processed' } })
    }
    // Wait for all events here, because `received` of the next test counts exactly.
  })

  test('a rejected topup is one transaction_failed and no balance event', async () => {
    const id = await requestTopup(7)
    await asAdmin('PATCH', `/transactions/topup/${id}/process`, { status: 'failed' })
    const failed = { transactionId: id, transactionType: 'topup', timestamp: TIMESTAMP, seq: 3 }
    const seen = await received(1)
    expect(seen.socket).toMatchObject([['transaction_failed', failed]])
    expect(seen.stream).toMatchObject([['transaction_failed', failed]])
  })

  test('a booking payment lowers the balance; beyond it, the payment is refused with the shortfall', async () => {
    const payment = { type: 'booking_payment', amount: 19.5, referenceId: 'booking-1' }
    const paid = await asUser('POST', '/transactions', payment)
    expect(paid).toMatchObject({ status: 201, body: { amount: -19.5, newBalance: 30.5 } })
    expect((await received(2)).socket).toMatchObject([
      ['balance_updated', { newBalance: 30.5, previousBalance: 50, amount: -19.5 }],
      ['transaction_completed', { newBalance: 30.5 }],
    ])

    const figures = { requiredAmount: 100, currentBalance: 30.5, shortfall: 69.5 }
    const refused = await asUser('POST', '/transactions', { ...payment, amount: 100 })
    expect(refused).toMatchObject({
      status: 402,
      body: { code: 'insufficient_funds', details: figures },
    })
    const seen = await received(1)
    const insufficient = ['balance_insufficient', { ...figures, timestamp: TIMESTAMP }]
    expect(seen.socket).toMatchObject([insufficient])
    expect(seen.stream).toMatchObject([insufficient])
  })

  test('subscribe_balance and get_current_balance are answered', async () => {
    socket.emit('subscribe_balance')
    socket.emit('get_current_balance')
    await eventually(() => expect(onSocket).toHaveLength(2))
    expect(onSocket.splice(0)).toMatchObject([
      ['balance_subscribed', {}],
      ['balance_current', { balance: 30.5 }],
    ])
    const acknowledged = await socket.emitWithAck('get_current_balance')
    expect(acknowledged).toMatchObject({ balance: 30.5 })
    await eventually(() => expect(onSocket).toHaveLength(1))
    onSocket.splice(0)
  })

  test('the token may be in the query, as the seed prints it; a wrong one is rejected', async () => {
    const options = { forceNew: true, reconnection: false }
    const second = io(`${screen.url}/balance?token=${screen.userToken}`, options)
    const [initial] = await new Promise<[{ balance: number }]>((resolve) =>
      second.once('balance_initial', (...args) => resolve(args as [{ balance: number }])),
    )
    expect(initial.balance).toBe(30.5)
    second.close()
    const wrong = io(`${screen.url}/balance`, { ...options, auth: { token: 'wrong' } })
    const error = await new Promise<Error & { data?: { code?: string } }>((resolve) =>
      wrong.once('connect_error', resolve),
    )
    expect(error.data?.code).toBe('unauthorized')
    wrong.close()
  })

  test('the line for wscat works', async () => {
    const url = `${screen.url.replace('http', 'ws')}/balance?token=${screen.userToken}`
    const raw = new WebSocket(url)
    const first = await new Promise<string>((resolve) =>
      raw.once('message', (data) => resolve(String(data))),
    )
    expect(JSON.parse(first)).toMatchObject({ event: 'balance_initial', balance: 30.5 })
    raw.close()
  })

  test('the reads agree', async () => {
    const balance = await asUser('GET', '/transactions/balance')
    expect(balance.body).toMatchObject({ balance: 30.5, held: 0, available: 30.5, currency: 'USD' })
    const mine = await asUser('GET', '/transactions/my-transactions?limit=2')
    const items = mine.body.items as unknown as { id: string; amount: number }[]
    expect(items.map(({ amount }) => amount)).toEqual([-19.5, 7])
    expect(mine.body.nextCursor).toEqual(expect.any(String))
    const one = await asUser('GET', `/transactions/${items[0]?.id}`)
    expect(one.body).toEqual(items[0])
    expect((await asUser('GET', '/transactions/all')).status).toBe(403)
  })

  test('one subscriber of balance:updates feeds both transports', async () => {
    const reader = new Redis(redis.url)
    const [, subscribers] = (await reader.pubsub('NUMSUB', 'balance:updates')) as [string, number]
    // One of this test, and one of the server.
    expect(subscribers).toBe(2)
    reader.disconnect()
  })

  test('the log tells the story in the words of the seed', () => {
    const log = server.output()
    expect(log).toMatch(/\[BalanceGateway\] Client \S+ connected to balance updates/)
    expect(log).toContain(
      '[TransactionService] Published balance update for user demo-user: 50 -> 30.5',
    )
    expect(log).toContain('[BalanceGateway] Broadcasting balance update to user demo-user: 30.5')
    const afterScreen = log.slice(log.indexOf('"msg":"Livebalance is ready"'))
    expect(afterScreen).not.toContain(screen.userToken)
  })
})
