import type { Logger } from 'pino'
import type { Principal, RevocationList } from '../../auth/principal.ts'
import { LogBudget } from '../../lib/log-limits.ts'
import type { StreamMeter } from '../meter.ts'
import type { Frame } from '../stream/frame.ts'
import type { Hub } from '../stream/hub.ts'
import { type CloseReason, SLOW } from '../stream/subscriber.ts'
import { Connection, type TransportName, type TransportSink } from './connection.ts'
import type { Admission } from './handshake.ts'
import { MESSAGES_PER_SECOND } from './limits.ts'
import { errorNotice, expiringNotice } from './notices.ts'
import { TokenBucket } from './token-bucket.ts'

export interface ConnectionsOptions {
  hub: Hub
  admission: Admission
  /** Default: no token is ever revoked. */
  revocations?: RevocationList | undefined
  logger: Logger
  meter: StreamMeter
  /** Of balances, for clients that name none. */
  currency: string
  /** Messages that a client may send each second, and save up. Default 20. */
  messagesPerSecond?: number | undefined
  /** Seconds between heartbeats. Default 15: four of them fit into proxies' usual idle limit. */
  beatEvery?: number | undefined
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
  message: 'The token has expired; connect again with a new one.',
  final: true,
}
const REVOKED: CloseReason = {
  code: 'token_revoked',
  message: 'The token was revoked; sign in again.',
  final: true,
}
const TOO_MANY_MESSAGES: CloseReason = {
  code: 'rate_limited',
  message: 'Too many messages.',
  final: true,
}
const SHUTTING_DOWN: CloseReason = {
  code: 'shutting_down',
  message: 'The server is restarting; connect again.',
  final: false,
}

/** The connections that are open, on all transports: how long they live, and how they end. */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #open = new Set<Connection>()
  /** Those that the server is ending. */
  readonly #cuts = new WeakSet<Connection>()
  readonly #log: LogBudget
  readonly #beatEvery: number
  #ticks = 0
  #opened = 0
  #timer: NodeJS.Timeout

  constructor(options: ConnectionsOptions) {
    this.#options = options
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

  /** Begins the stream of a client that was admitted. The transport calls `closed` once, when it is over, whoever ended it. */
  open(sink: TransportSink, opening: Opening): Connection {
    const { principal, transport, clientId, lastEventId } = opening
    const subscriber = this.#options.hub.subscribe(principal, sink, {
      currency: opening.currency || this.#options.currency,
      lastEventId: lastEventId || undefined,
    })
    const slot = this.#opened++ % this.#beatEvery
    const connection = new Connection(principal, transport, slot, sink, subscriber)
    this.#open.add(connection)
    this.#options.meter.opened.add(transport)
    this.#log.info(() => `[BalanceGateway] Client ${clientId} connected to balance updates`)
    // The drain or the revocation came after it was let in. Not at once: the transport listens for the end
    // only from now on.
    if (this.#options.admission.draining) setImmediate(() => this.#cut(connection, SHUTTING_DOWN))
    else if (this.#isRevoked(connection)) setImmediate(() => this.#endRevoked(connection))
    return connection
  }

  closed(connection: Connection): void {
    if (!this.#open.delete(connection)) return
    this.#options.hub.unsubscribe(connection.principal, connection.subscriber)
    this.#options.admission.release(connection.principal)
  }

  /** What a client that sends messages may send of them. */
  allowance(): TokenBucket {
    return new TokenBucket(this.#options.messagesPerSecond ?? MESSAGES_PER_SECOND)
  }

  /** Counts one message of the client; false when it was one too many, and the connection is being ended. */
  allows(connection: Connection, allowance: TokenBucket): boolean {
    if (allowance.take()) return true
    this.end(connection, TOO_MANY_MESSAGES)
    return false
  }

  /** Sends an answer, unless the client asks on and on without reading: then it is cut. */
  reply(connection: Connection, frame: Frame): void {
    if (this.#options.hub.isFull(connection.subscriber)) this.end(connection, SLOW)
    else connection.sink.write(frame)
  }

  end(connection: Connection, reason: CloseReason): void {
    if (reason.final) connection.sink.write(errorNotice(reason.code, reason.message))
    this.#cut(connection, reason)
  }

  #cut(connection: Connection, reason: CloseReason): void {
    // One that is closing already, but not gone yet, is told again and counted once.
    if (!this.#cuts.has(connection)) this.#options.meter.cuts.add(reason.code)
    this.#cuts.add(connection)
    connection.sink.close(reason)
  }

  /** Closes what is open, spread at random over so many seconds: not all shall come back at once. */
  async drain(seconds: number): Promise<void> {
    const closings = [...this.#open].map((connection) => ({
      connection,
      at: Math.random() * seconds * 1000,
    }))
    closings.sort((a, b) => a.at - b.at)
    const start = performance.now()
    for (const { connection, at } of closings) {
      const wait = start + at - performance.now()
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      if (this.#open.has(connection)) this.#cut(connection, SHUTTING_DOWN)
    }
  }

  close(): void {
    clearInterval(this.#timer)
    for (const connection of this.#open) this.#cut(connection, SHUTTING_DOWN)
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
      const { expiresAt } = connection.principal
      if (expiresAt <= now) {
        this.end(connection, EXPIRED)
      } else if (
        expiresAt - now <= WARN_AHEAD &&
        !connection.warned &&
        connection.subscriber.hasBegun
      ) {
        connection.warned = true
        connection.sink.write(expiringNotice(expiresAt))
      }
      // Each second another part of them, so that heartbeats do not come in bursts.
      if (connection.slot === this.#ticks % this.#beatEvery) connection.sink.beat()
    }
  }
}
