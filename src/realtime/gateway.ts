import type { Logger } from 'pino'
import type { Authenticator, RevocationList } from '../auth/principal.ts'
import { Tickets } from '../auth/tickets.ts'
import type { EventStore } from '../ledger/event-store.ts'
import type { RateLimiter } from '../rate-limit/limiter.ts'
import type { Bus } from './bus/bus.ts'
import { Requests } from './connections/client-messages.ts'
import { ConnectionLimit } from './connections/connection-limit.ts'
import { Connections } from './connections/connections.ts'
import { Credentials } from './connections/credentials.ts'
import { Admission } from './connections/handshake.ts'
import { originAllowed } from './connections/origin.ts'
import { StreamMeter } from './meter.ts'
import type { QueueBounds } from './stream/backpressure.ts'
import type { DeliveryTracer } from './stream/delivery-tracer.ts'
import { Hub, type HubHealth } from './stream/hub.ts'
import { createSocketIo, type SocketIo } from './transports/socketio.ts'
import { WebSocketTransport } from './transports/websocket.ts'

export interface GatewayOptions {
  bus: Bus
  store: EventStore
  authenticator: Authenticator
  /** Ends the connections that it comes to cover. Default: none is ever revoked. */
  revocations?: RevocationList
  /** Default: anyone may connect as often as they like. */
  limiter?: RateLimiter
  logger: Logger
  /** Of balances, for clients that name none. */
  currency: string
  /** Origins whose pages may connect, or `*`. */
  corsOrigins: readonly string[]
  /** Of one user, over all processes. Default 20. */
  connectionsPerUser?: number
  /** Seconds after which a crashed process's connections stop counting. Default 30. */
  leaseSeconds?: number
  /** Of one connection. Default 20. */
  messagesPerSecond?: number
  /** Milliseconds that a client has to say who it is, and we to find out. Default 10 s. */
  handshakeTimeout?: number
  /** Seconds between heartbeats. Default 15, and 25 on Socket.IO. */
  beatEvery?: number
  bounds?: Partial<QueueBounds>
  /** Milliseconds between looks at Postgres while Redis is away. Default 1500. */
  pollEvery?: number
  tracer?: DeliveryTracer | undefined
}

/** Real time as a whole: one hub, and the transports that it feeds. */
export class Gateway {
  readonly meter = new StreamMeter()
  readonly admission: Admission
  readonly connections: Connections
  readonly requests: Requests
  readonly tickets: Tickets
  readonly socketIo: SocketIo
  readonly webSocket: WebSocketTransport
  /** Origins whose pages may connect, or `*`. */
  readonly corsOrigins: readonly string[]
  readonly #hub: Hub
  readonly #counts: ConnectionLimit

  constructor(options: GatewayOptions) {
    const { bus, store, authenticator, revocations, limiter, logger, currency } = options
    this.corsOrigins = options.corsOrigins
    this.#hub = new Hub({
      bus,
      store,
      logger,
      meter: this.meter,
      tracer: options.tracer,
      bounds: options.bounds ?? {},
      pollEvery: options.pollEvery ?? 1500,
    })
    this.#counts = new ConnectionLimit(bus.leases, logger, {
      limit: options.connectionsPerUser,
      leaseSeconds: options.leaseSeconds,
    })
    this.tickets = new Tickets(bus.tickets)
    const credentials = new Credentials(authenticator, this.tickets, revocations)
    const { handshakeTimeout, messagesPerSecond, beatEvery } = options
    this.admission = new Admission({
      credentials,
      counts: this.#counts,
      limiter,
      meter: this.meter,
      handshakeTimeout,
    })
    this.connections = new Connections({
      hub: this.#hub,
      admission: this.admission,
      revocations,
      logger,
      meter: this.meter,
      currency,
      messagesPerSecond,
      beatEvery,
    })
    this.requests = new Requests({
      hub: this.#hub,
      credentials,
      connections: this.connections,
      logger,
    })
    bus.listen({
      message: () => {},
      link: (link) => {
        if (link.state === 'live') void this.#counts.assert()
      },
    })
    const pingEvery = Math.min(25, beatEvery ?? 25)
    this.socketIo = createSocketIo(this, { logger, pingEvery, handshakeTimeout })
    this.webSocket = new WebSocketTransport(this)
  }

  /** For `/health/ready`, which takes `live` for ready, and `away`: without Redis a process still serves. */
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

  /** Ends what is left, without waiting. */
  async close(): Promise<void> {
    this.admission.refuse()
    this.connections.close()
    this.#counts.close()
    this.#hub.close()
    this.socketIo.engine.close()
  }
}
