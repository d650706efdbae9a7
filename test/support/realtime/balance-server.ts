import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { Hono } from 'hono'
import { type Logger, pino } from 'pino'
import { expect, onTestFinished } from 'vitest'
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
import { connectBy, type TestClient, TRANSPORTS } from './clients.ts'
import { FakeLedger } from './fake-ledger.ts'

export * from './clients.ts'

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
  /** Its connections are accepted elsewhere, as those of a worker. */
  adopts?: boolean
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
  const acceptor = createTcpServer((connection) => server.adopt(connection))
  if (options.adopts) {
    server.serveAdopted()
    await once(acceptor.listen(0, '127.0.0.1'), 'listening')
  }
  const { port } = options.adopts
    ? (acceptor.address() as AddressInfo)
    : await server.listen(0, '127.0.0.1')
  onTestFinished(async () => {
    if (options.adopts) acceptor.close()
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

/** A client on each transport, once each has its balance. */
export async function connectAll(url: string, token: string): Promise<TestClient[]> {
  const clients = TRANSPORTS.map((transport) => connectBy[transport](url, token))
  await eventually(() => {
    for (const { received } of clients) expect(received).toHaveLength(1)
  })
  return clients
}
