import type { Logger } from 'pino'
import type { Authenticator, Gate, RevocationList } from '../auth/principal.ts'
import { Tickets } from '../auth/tickets.ts'
import type { EventStore, HoldStore } from '../ledger/event-store.ts'
import { type EventStores, oneStore } from '../ledger/event-stores.ts'
import type { ApiError } from '../lib/api-error.ts'
import { tenantPart } from '../lib/identity.ts'
import { originAllowed, RefusedOrigins } from '../lib/origins.ts'
import type { RateLimiter } from '../rate-limit/limiter.ts'
import { EffectiveSettings } from '../tenants/effective-settings.ts'
import { NO_TENANTS, type TenantDirectory } from '../tenants/tenant.ts'
import type { Bus } from './bus/bus.ts'
import { Requests } from './connections/client-messages.ts'
import { ConnectionLimit } from './connections/connection-limit.ts'
import { Connections } from './connections/connections.ts'
import { Admission, Credentials } from './connections/handshake.ts'
import { StreamMeter } from './metrics.ts'
import { AdminStreams } from './stream/admin-streams.ts'
import { EventPages } from './stream/event-pages.ts'
import { Hub, type HubHealth } from './stream/hub.ts'
import { ServiceStreams } from './stream/service-streams.ts'
import type { QueueBounds } from './stream/subscriber.ts'
import type { DeliveryTracer } from './stream/user-stream.ts'
import { createSocketIo, type SocketIo } from './transports/socketio.ts'
import { WebSocketTransport } from './transports/websocket.ts'

export interface GatewayOptions {
  bus: Bus
  store: EventStore & HoldStore
  /** Of all databases. Default: `store`, for every tenant. */
  stores?: EventStores<EventStore & HoldStore>
  authenticator: Authenticator
  /** Connections whose token it covers are closed. Default: no token is ever revoked. */
  revocations?: RevocationList
  /** Connections of principals against whom it has something are closed. Default: of nobody. */
  gate?: Gate
  /** Their settings stand before those here. Default: there are none. */
  tenants?: TenantDirectory
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
  /** The most balance frames a second that a connection gets. Default: no limit. */
  maxRate?: number | undefined
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
  /** Makes the id of a session of Socket.IO, from a random text. Default: the text itself. */
  sessionId?: ((random: string) => string) | undefined
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
  readonly settings: EffectiveSettings
  readonly refusedOrigins: RefusedOrigins
  /** The streams of services. */
  readonly services: ServiceStreams
  /** The streams of admins. */
  readonly admins: AdminStreams
  readonly #hub: Hub
  readonly #connectionLimit: ConnectionLimit
  readonly #tenantLimit: ConnectionLimit

  constructor(options: GatewayOptions) {
    const { bus, store, authenticator, revocations, gate, limiter, logger, currency } = options
    const { tenants = NO_TENANTS, stores = oneStore(store) } = options
    this.settings = new EffectiveSettings(options, tenants)
    this.refusedOrigins = new RefusedOrigins(logger)
    this.services = new ServiceStreams({
      ...{ bus, store, stores, logger, meter: this.meter },
      ...{ bounds: options.bounds, pollEveryMs: options.pollEveryMs },
    })
    this.admins = new AdminStreams({
      ...{ bus, epochOf: stores.epochOf, meter: this.meter, bounds: options.bounds },
    })
    this.#hub = new Hub({
      bus,
      store,
      stores,
      logger,
      services: this.services,
      admins: this.admins,
      meter: this.meter,
      tracer: options.tracer,
      bounds: options.bounds ?? {},
      pollEveryMs: options.pollEveryMs ?? 1500,
    })
    this.#connectionLimit = new ConnectionLimit(bus.leases, logger, {
      limit: options.connectionsPerUser,
      leaseSeconds: options.leaseSeconds,
    })
    this.#tenantLimit = new ConnectionLimit(bus.leases, logger, {
      limit: ({ tenant }) => tenants.settingsOf(tenant).maxConnections,
      // No user has such a key, because theirs have a colon.
      keyOf: ({ tenant }) => tenantPart(tenant),
      leaseSeconds: options.leaseSeconds,
    })
    tenants.onChange(() => void this.#tenantLimit.assert())
    this.tickets = new Tickets(bus.tickets)
    this.eventPages = new EventPages({
      ...{ bus, stores, hub: this.#hub, currency },
      draining: () => this.admission.draining,
    })
    const credentials = new Credentials(authenticator, this.tickets, revocations, gate)
    const { handshakeTimeoutMs, messagesPerSecond, heartbeatSeconds } = options
    this.admission = new Admission({
      credentials,
      connectionLimit: this.#connectionLimit,
      tenantLimit: this.#tenantLimit,
      settings: this.settings,
      refusedOrigins: this.refusedOrigins,
      limiter,
      meter: this.meter,
      handshakeTimeoutMs,
    })
    this.connections = new Connections({
      hub: this.#hub,
      admission: this.admission,
      revocations,
      gate,
      logger,
      meter: this.meter,
      settings: this.settings,
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
        if (link.state !== 'live') return
        void this.#connectionLimit.assert()
        void this.#tenantLimit.assert()
      },
    })
    const pingSeconds = Math.min(25, heartbeatSeconds ?? 25)
    this.socketIo = createSocketIo(this, {
      ...{ logger, pingSeconds, handshakeTimeoutMs },
      sessionId: options.sessionId,
    })
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

  /** Origins whose pages may connect for some tenant, or `*`. */
  get corsOrigins(): readonly string[] {
    return this.settings.allOrigins
  }

  /** Whether a page of this origin may connect for some tenant. Which one, its token says later. */
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
    this.#tenantLimit.close()
    this.#hub.close()
    this.services.close()
    this.admins.close()
    this.socketIo.engine.close()
  }
}
