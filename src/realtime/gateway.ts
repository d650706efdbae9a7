import type { Logger } from 'pino'
import type { Authenticator, RevocationList } from '../auth/principal.ts'
import { Tickets } from '../auth/tickets.ts'
import type { EventStore } from '../ledger/event-store.ts'
import type { ApiError } from '../lib/api-error.ts'
import { RefusedOrigins } from '../lib/origins.ts'
import type { RateLimiter } from '../rate-limit/limiter.ts'
import type { Bus } from './bus/bus.ts'
import { Requests } from './connections/client-messages.ts'
import { ConnectionLimit } from './connections/connection-limit.ts'
import { Connections } from './connections/connections.ts'
import { Admission, Credentials, originAllowed } from './connections/handshake.ts'
import { StreamMeter } from './metrics.ts'
import { EventPages } from './stream/event-pages.ts'
import { Hub, type HubHealth } from './stream/hub.ts'
import type { QueueBounds } from './stream/subscriber.ts'
import type { DeliveryTracer } from './stream/user-stream.ts'
import { createSocketIo, type SocketIo } from './transports/socketio.ts'
import { WebSocketTransport } from './transports/websocket.ts'

export interface GatewayOptions {
  bus: Bus
  store: EventStore
  authenticator: Authenticator
  /** Connections whose token it covers are closed. Default: no token is ever revoked. */
  revocations?: RevocationList
  /** Default: no limit on how often clients may connect. */
  limiter?: RateLimiter
  logger: Logger
  /** Of balances, for clients that name none. */
  currency: string
  /** Origins whose pages may connect, or `*`. */
  corsOrigins: readonly string[]
  /** Of one user, over all processes. Default 20. */
  connectionsPerUser?: number
  /** The connections of a crashed process stop counting after this time. Default 30. */
  leaseSeconds?: number
  /** Of one connection. Default 20. */
  messagesPerSecond?: number
  /** A client must authenticate, and we must verify its token, within this time. Default 10 s. */
  handshakeTimeoutMs?: number
  /** Default 15, and 25 on Socket.IO. */
  heartbeatSeconds?: number
  bounds?: Partial<QueueBounds>
  /** Postgres is polled this often while Redis is unavailable. Default 1500. */
  pollEveryMs?: number
  tracer?: DeliveryTracer | undefined
}

/** Puts the real-time part together: one hub, the connections, and the transports. */
export class Gateway {
  readonly meter = new StreamMeter()
  readonly admission: Admission
  readonly connections: Connections
  readonly requests: Requests
  readonly tickets: Tickets
  readonly eventPages: EventPages
  readonly socketIo: SocketIo
  readonly webSocket: WebSocketTransport
  /** Origins whose pages may connect, or `*`. */
  readonly corsOrigins: readonly string[]
  readonly refusedOrigins: RefusedOrigins
  readonly #hub: Hub
  readonly #connectionLimit: ConnectionLimit

  constructor(options: GatewayOptions) {
    const { bus, store, authenticator, revocations, limiter, logger, currency } = options
    this.corsOrigins = options.corsOrigins
    this.refusedOrigins = new RefusedOrigins(logger)
    this.#hub = new Hub({
      bus,
      store,
      logger,
      meter: this.meter,
      tracer: options.tracer,
      bounds: options.bounds ?? {},
      pollEveryMs: options.pollEveryMs ?? 1500,
    })
    this.#connectionLimit = new ConnectionLimit(bus.leases, logger, {
      limit: options.connectionsPerUser,
      leaseSeconds: options.leaseSeconds,
    })
    this.tickets = new Tickets(bus.tickets)
    this.eventPages = new EventPages({
      ...{ store, hub: this.#hub, currency },
      draining: () => this.admission.draining,
    })
    const credentials = new Credentials(authenticator, this.tickets, revocations)
    const { handshakeTimeoutMs, messagesPerSecond, heartbeatSeconds } = options
    this.admission = new Admission({
      credentials,
      connectionLimit: this.#connectionLimit,
      limiter,
      meter: this.meter,
      handshakeTimeoutMs,
    })
    this.connections = new Connections({
      hub: this.#hub,
      admission: this.admission,
      revocations,
      logger,
      meter: this.meter,
      currency,
      messagesPerSecond,
      heartbeatSeconds,
    })
    this.requests = new Requests({
      hub: this.#hub,
      credentials,
      connections: this.connections,
      logger,
    })
    // Redis may have lost the counts.
    bus.listen({
      message: () => {},
      link: (link) => {
        if (link.state === 'live') void this.#connectionLimit.assert()
      },
    })
    const pingSeconds = Math.min(25, heartbeatSeconds ?? 25)
    this.socketIo = createSocketIo(this, { logger, pingSeconds, handshakeTimeoutMs })
    this.webSocket = new WebSocketTransport(this)
  }

  /** For `/health/ready`, which accepts `live` and also `disconnected`: without Redis a process still serves. */
  get health(): HubHealth | { state: 'draining'; reason?: string } {
    if (this.admission.draining) return { state: 'draining', reason: 'the server is restarting' }
    return this.#hub.health
  }

  /** The number of users with a connection here. */
  get users(): number {
    return this.#hub.users
  }

  originAllowed(origin: string | undefined, host: string | undefined): boolean {
    return originAllowed(this.corsOrigins, origin, host)
  }

  refusedOrigin(origin: string | undefined, host: string | undefined): ApiError | undefined {
    if (origin === undefined || this.originAllowed(origin, host)) return undefined
    this.admission.countRefusal('forbidden')
    return this.refusedOrigins.refuse(origin)
  }

  /** Closes the remaining connections, without waiting for clients. */
  async close(): Promise<void> {
    this.admission.stop()
    this.connections.close()
    this.#connectionLimit.close()
    this.#hub.close()
    this.socketIo.engine.close()
  }
}
