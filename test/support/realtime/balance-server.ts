import type { AddressInfo } from 'node:net'
import { EventSource } from 'eventsource'
import { Hono } from 'hono'
import { type Logger, pino } from 'pino'
import { io, type Socket } from 'socket.io-client'
import { expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { createAuthenticator } from '../../../src/auth/authenticator.ts'
import type { Env } from '../../../src/http/context.ts'
import { onError } from '../../../src/http/errors.ts'
import { requestId } from '../../../src/http/middleware/observe.ts'
import { type BalanceServer, CLIENT_TIMEOUTS_MS, createServer } from '../../../src/http/server.ts'
import type { UserRef } from '../../../src/ledger/event.ts'
import type { Bus } from '../../../src/realtime/bus/bus.ts'
import { MemoryBus } from '../../../src/realtime/bus/memory-bus.ts'
import { Gateway, type GatewayOptions } from '../../../src/realtime/gateway.ts'
import { Outbox } from '../../../src/realtime/outbox.ts'
import { eventStreams } from '../../../src/realtime/transports/sse.ts'
import { eventually, mintToken, TEST_SECRET } from '../index.ts'
import { revocations } from '../strangers.ts'
import { FakeLedger } from './fake-ledger.ts'

export interface TestServer {
  url: string
  ledger: FakeLedger
  bus: Bus
  outbox: Outbox
  gateway: Gateway
  server: BalanceServer
  /** Commits a change and publishes it. */
  change(...args: Parameters<FakeLedger['change']>): Promise<void>
}

export interface TestServerOptions extends Partial<GatewayOptions> {
  ledger?: FakeLedger
  /** More routes of the app. */
  routes?: Hono
  timeoutsMs?: typeof CLIENT_TIMEOUTS_MS
}

export const silent: Logger = pino({ level: 'silent' })

/** The real server with all transports, over a ledger in memory. Ends with the test. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const ledger = options.ledger ?? new FakeLedger()
  const logger = options.logger ?? silent
  const bus = options.bus ?? new MemoryBus({ epoch: ledger.epoch, currency: 'USD', logger })
  const outbox = new Outbox({ bus, store: ledger, logger })
  const keys = { kind: 'secret', secret: TEST_SECRET } as const
  const authenticator = createAuthenticator({ keys, revocations })
  const gateway = new Gateway({
    store: ledger,
    authenticator,
    revocations,
    currency: 'USD',
    corsOrigins: [],
    ...options,
    bus,
    logger,
  })
  const app = new Hono<Env>()
    .use(requestId)
    .route('/balance', eventStreams(gateway))
    .route('/', options.routes ?? new Hono())
    .onError(onError(logger))
  const { timeoutsMs = CLIENT_TIMEOUTS_MS } = options
  const server = createServer({ fetch: app.fetch as never, gateway, logger, timeoutsMs })
  const { port } = (await server.listen(0, '127.0.0.1')) as AddressInfo
  onTestFinished(async () => {
    await server.close()
    await outbox.close()
    await bus.close()
  })
  return {
    url: `http://127.0.0.1:${port}`,
    ledger,
    bus,
    outbox,
    gateway,
    server,
    async change(...args) {
      await outbox.publish(ledger.change(...args))
    },
  }
}

export function tokenOf({ tenant, userId }: UserRef, expiresIn = 3600): Promise<string> {
  return mintToken({ sub: userId, tenant, expiresIn })
}

/** One event as a client received it. */
export interface Received {
  event: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into every payload
  data: any
}

/** A client of any transport, and all its received events. */
export interface TestClient {
  received: Received[]
  /** Numbers of the ledger's events, in order of arrival. */
  seqs(): number[]
  send(event: string, argument?: unknown): void
  /** Why the connection could not be opened, or was closed. */
  failure: Promise<{ code?: string | number; status?: number }>
  close(): void
}

export interface ConnectOptions {
  lastEventId?: string
  currency?: string
}

const NO_EVENTS = /^(balance_(initial|current|subscribed)|token_expiring|authenticated|error)$/

function client(received: Received[], rest: Omit<TestClient, 'received' | 'seqs'>): TestClient {
  onTestFinished(() => rest.close())
  const seqs = () =>
    received.filter(({ event }) => !NO_EVENTS.test(event)).map(({ data }) => data.seq)
  return { received, seqs, ...rest }
}

export const connectBy = {
  'Socket.IO'(url: string, token: string, options: ConnectOptions = {}): TestClient {
    const received: Received[] = []
    const socket: Socket = io(`${url}/balance`, {
      auth: { token, ...options },
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
    })
    socket.onAny((event, data) => received.push({ event, data }))
    const failure = new Promise<{ code?: string }>((resolve) => {
      socket.on('connect_error', (error) =>
        resolve((error as Error & { data?: { code?: string } }).data ?? {}),
      )
      socket.on('disconnect', (reason) => resolve({ code: reason }))
    })
    return client(received, {
      send: (event, argument) => socket.emit(event, ...(argument === undefined ? [] : [argument])),
      failure,
      close: () => socket.close(),
    })
  },

  SSE(url: string, token: string, options: ConnectOptions = {}): TestClient {
    const received: Received[] = []
    const query = new URLSearchParams({ token, ...options })
    const source = new EventSource(`${url}/balance/stream?${query}`)
    for (const event of [
      'balance_initial',
      'balance_updated',
      'transaction_completed',
      'transaction_failed',
      'balance_insufficient',
      'token_expiring',
    ]) {
      source.addEventListener(event, ({ data }) => received.push({ event, data: JSON.parse(data) }))
    }
    const failure = new Promise<{ code?: string; status?: number }>((resolve) => {
      source.addEventListener('error', (error) => {
        const { data, code } = error as unknown as { data?: string; code?: number }
        if (data) return void received.push({ event: 'error', data: JSON.parse(data) })
        source.close()
        resolve(code === undefined ? {} : { status: code })
      })
    })
    return client(received, { send: () => {}, failure, close: () => source.close() })
  },

  WebSocket(url: string, token: string, options: ConnectOptions = {}): TestClient {
    const received: Received[] = []
    const query = new URLSearchParams({ token, ...options })
    const socket = new WebSocket(`${url.replace('http', 'ws')}/balance?${query}`)
    socket.on('message', (text) => {
      const { event, ...data } = JSON.parse(String(text))
      received.push({ event, data })
    })
    const failure = new Promise<{ code?: number; status?: number }>((resolve) => {
      socket.on('unexpected-response', (_request, response) => {
        resolve({ status: response.statusCode ?? 0 })
      })
      socket.on('error', () => {})
      socket.on('close', (code) => resolve({ code }))
    })
    return client(received, {
      send: (event, argument) => socket.send(JSON.stringify({ event, token: argument })),
      failure,
      close: () => socket.terminate(),
    })
  },
}

export type Transport = keyof typeof connectBy
export const TRANSPORTS = Object.keys(connectBy) as Transport[]

/** A client on each transport, once each has its balance. */
export async function connectAll(url: string, token: string): Promise<TestClient[]> {
  const clients = TRANSPORTS.map((transport) => connectBy[transport](url, token))
  await eventually(() => {
    for (const { received } of clients) expect(received).toHaveLength(1)
  })
  return clients
}
