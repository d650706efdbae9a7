import type { Logger } from 'pino'
import type { Principal, RevocationList } from '../auth/principal.ts'
import { ApiError } from '../errors.ts'
import { CURRENCIES } from '../ledger/money.ts'
import { Connection, type TransportName, type TransportSink } from './connection.ts'
import type { ConnectionCounts } from './connection-counts.ts'
import type { Credentials, Presented } from './credentials.ts'
import { Frame } from './frame.ts'
import type { Hub } from './hub.ts'
import { LogBudget } from './log-budget.ts'
import type { CloseReason } from './subscriber.ts'

export interface ConnectionsOptions {
  hub: Hub
  credentials: Credentials
  /** Default: no token is ever revoked. */
  revocations?: RevocationList
  counts: ConnectionCounts
  logger: Logger
  /** Of balances, for clients that name none. */
  currency: string
  /** Messages that a client may send each second, and save up. Default 20. */
  messagesPerSecond?: number
  /** Seconds between heartbeats. Default 15: four of them fit into proxies' usual idle limit. */
  beatEvery?: number
}

/** What a client said about itself when it connected. */
export interface Opening {
  principal: Principal
  transport: TransportName
  /** For the log. */
  clientId: string
  lastEventId?: string | undefined
  currency?: string | undefined
}

/** Seconds before a token's end at which its client is told. */
const WARN_AHEAD = 60

const EXPIRED: CloseReason = {
  code: 'token_expired',
  message: 'the token has expired; connect again with a fresh one',
  final: true,
}
const REVOKED: CloseReason = {
  code: 'token_revoked',
  message: 'the token was revoked; sign in again',
  final: true,
}
const TOO_MANY_MESSAGES: CloseReason = {
  code: 'rate_limited',
  message: 'too many messages',
  final: true,
}
const SHUTTING_DOWN: CloseReason = {
  code: 'shutting_down',
  message: 'the server is restarting; connect again',
  final: false,
}

/** What all transports share: who may connect, for how long, and how a connection ends. */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #open = new Set<Connection>()
  readonly #log: LogBudget
  readonly #allowance: number
  readonly #beatEvery: number
  #draining = false
  #ticks = 0
  #opened = 0
  #timer: NodeJS.Timeout

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#allowance = options.messagesPerSecond ?? 20
    this.#beatEvery = options.beatEvery ?? 15
    this.#log = new LogBudget(options.logger)
    // One clock for all: a timer for each connection would cost more than the connection.
    this.#timer = setInterval(() => this.#tick(), 1000)
    this.#timer.unref()
    options.revocations?.onRevoked(() => {
      for (const connection of this.#open) this.#endRevoked(connection)
    })
  }

  /** Open connections by transport. */
  get counts(): Record<TransportName, number> {
    const counts = { 'socket.io': 0, sse: 0, websocket: 0 }
    for (const { transport } of this.#open) counts[transport] += 1
    return counts
  }

  get draining(): boolean {
    return this.#draining
  }

  /**
   * Lets one connection in. Call `open` or `release` for it afterwards.
   * @throws ApiError `unauthorized`, `token_expired`, `token_revoked`, `invalid_request`, `too_many_connections`, `shutting_down` or `unavailable`
   */
  async admit(presented: Presented, currency?: string | null): Promise<Principal> {
    if (this.#draining) {
      throw new ApiError(503, 'shutting_down', 'the server is restarting', { retryAfter: 1 })
    }
    if (currency && !CURRENCIES.has(currency)) {
      throw new ApiError(400, 'invalid_request', 'currency must be an ISO 4217 code such as USD')
    }
    const principal = await this.#options.credentials.identify(presented)
    if (principal.expiresAt * 1000 <= Date.now()) {
      throw new ApiError(401, 'token_expired', 'the token has expired')
    }
    if (await this.#options.counts.acquire(principal)) return principal
    const message = 'this user has too many connections open'
    throw new ApiError(429, 'too_many_connections', message, { retryAfter: 5 })
  }

  /** Takes back `admit` for a connection that was never opened. */
  release(principal: Principal): void {
    this.#options.counts.release(principal)
  }

  /** Begins the stream. The transport calls `closed` once, when the connection is over, whoever ended it. */
  open(sink: TransportSink, opening: Opening): Connection {
    const { principal, transport, clientId, lastEventId } = opening
    const subscriber = this.#options.hub.subscribe(principal, sink, {
      currency: opening.currency || this.#options.currency,
      lastEventId: lastEventId || undefined,
    })
    const connection = new Connection(
      principal,
      transport,
      this.#opened++ % this.#beatEvery,
      sink,
      subscriber,
      this.#allowance,
    )
    this.#open.add(connection)
    this.#log.info(() => `[BalanceGateway] Client ${clientId} connected to balance updates`)
    // The drain or the revocation came after it was let in. Not at once: the transport listens for the end
    // only from now on.
    if (this.#draining) setImmediate(() => sink.close(SHUTTING_DOWN))
    else if (this.#isRevoked(connection)) setImmediate(() => this.#endRevoked(connection))
    return connection
  }

  closed(connection: Connection): void {
    if (!this.#open.delete(connection)) return
    this.#options.hub.unsubscribe(connection.principal, connection.subscriber)
    this.#options.counts.release(connection.principal)
  }

  /** Counts one message of the client; false when it was one too many, and the connection is being ended. */
  allowMessage(connection: Connection): boolean {
    const second = Math.floor(Date.now() / 1000)
    const gained = (second - connection.countedAt) * this.#allowance
    connection.allowance = Math.min(this.#allowance, connection.allowance + gained)
    connection.countedAt = second
    connection.allowance -= 1
    if (connection.allowance >= 0) return true
    this.end(connection, TOO_MANY_MESSAGES)
    return false
  }

  /** The answer to `get_current_balance`. */
  async currentBalance(connection: Connection): Promise<Frame> {
    const { hub, logger } = this.#options
    try {
      return await hub.currentBalance(connection.principal, connection.subscriber.currency)
    } catch (error) {
      logger.warn({ err: error }, 'a balance could not be read')
      return errorFrame('unavailable', 'the balance cannot be read now')
    }
  }

  /** The answer to `subscribe_balance`. Every connection is subscribed from the start. */
  subscribed(connection: Connection): Frame {
    return new Frame('balance_subscribed', { currency: connection.subscriber.currency })
  }

  /** Lets a connection live on with a fresh token of the same user; answers the frame to send. */
  async authenticate(connection: Connection, token: unknown): Promise<Frame> {
    try {
      const principal = await this.#options.credentials.identify({ token })
      const { tenant, userId } = connection.principal
      if (principal.tenant !== tenant || principal.userId !== userId) {
        return errorFrame('forbidden', 'the token is of another user')
      }
      connection.principal = principal
      connection.warned = false
      return new Frame('authenticated', { expiresAt: isoTime(principal.expiresAt) })
    } catch (error) {
      if (error instanceof ApiError) return errorFrame(error.code, error.message)
      this.#options.logger.error({ err: error }, 'a token could not be checked')
      return errorFrame('internal', 'the token could not be checked')
    }
  }

  end(connection: Connection, reason: CloseReason): void {
    if (reason.final) connection.sink.write(errorFrame(reason.code, reason.message))
    connection.sink.close(reason)
  }

  /** Lets nobody in any more. */
  refuse(): void {
    this.#draining = true
  }

  /** Closes what is open, spread at random over so many seconds: not all shall come back at once. */
  async drain(seconds: number): Promise<void> {
    this.refuse()
    const closings = [...this.#open].map((connection) => ({
      connection,
      at: Math.random() * seconds * 1000,
    }))
    closings.sort((a, b) => a.at - b.at)
    const start = Date.now()
    for (const { connection, at } of closings) {
      const wait = start + at - Date.now()
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      if (this.#open.has(connection)) connection.sink.close(SHUTTING_DOWN)
    }
  }

  close(): void {
    this.refuse()
    clearInterval(this.#timer)
    for (const connection of this.#open) connection.sink.close(SHUTTING_DOWN)
    this.#options.counts.close()
  }

  #isRevoked({ principal }: Connection): boolean {
    return this.#options.revocations?.covers(principal) === true
  }

  #endRevoked(connection: Connection): void {
    if (this.#isRevoked(connection)) this.end(connection, REVOKED)
  }

  #tick(): void {
    const now = Date.now() / 1000
    this.#ticks += 1
    for (const connection of this.#open) {
      const left = connection.principal.expiresAt - now
      if (left <= 0) {
        this.end(connection, EXPIRED)
      } else if (left <= WARN_AHEAD && !connection.warned) {
        connection.warned = true
        const expiresAt = isoTime(connection.principal.expiresAt)
        connection.sink.write(new Frame('token_expiring', { expiresAt }))
      }
      // Each second another part of them, so that heartbeats do not come in bursts.
      if (connection.slot === this.#ticks % this.#beatEvery) connection.sink.beat()
    }
  }
}

export function errorFrame(code: CloseReason['code'], message: string): Frame {
  return new Frame('error', { code, message })
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
