import type { Logger } from 'pino'
import type { Gate, Principal, RevocationList } from '../../auth/principal.ts'
import { toIso } from '../../ledger/rows.ts'
import { LogBudget } from '../../lib/log-limits.ts'
import { sleep } from '../../lib/timeout.ts'
import type { EffectiveSettings } from '../../tenants/effective-settings.ts'
import type { StreamMeter } from '../metrics.ts'
import { errorFrame, Frame } from '../stream/frame.ts'
import type { Hub } from '../stream/hub.ts'
import type { AskedPace, PaceOptions } from '../stream/pace.ts'
import { type CloseReason, type Sink, SLOW, type Subscriber } from '../stream/subscriber.ts'
import type { Admission } from './handshake.ts'
import { MESSAGES_PER_SECOND, TokenBucket } from './limits.ts'

/** A transport's end of a connection. */
export interface TransportSink extends Sink {
  /** Called every 15 s. Shows proxies and clients that the connection lives, if the protocol itself does not. */
  beat(): void
}

/** Where the events of a connection come from. */
export type Feed = Pick<Hub, 'subscribe' | 'unsubscribe' | 'isFull'>

export type TransportName = 'socket.io' | 'sse' | 'websocket'

/** One client's connection, on any transport. */
export interface Connection {
  /** Replaced when the client sends a fresh token. */
  principal: Principal
  readonly transport: TransportName
  /** Its heartbeats are due in every second whose number, modulo the period, is this. */
  readonly slot: number
  readonly sink: TransportSink
  readonly feed: Feed
  readonly subscriber: Subscriber
  /** Whether the client was warned that its token expires soon. */
  warned: boolean
  /** Invalid tokens that the client sent to renew its own. */
  wrongTokens: number
}

export interface ConnectionsOptions {
  hub: Hub
  admission: Admission
  /** Default: no token is ever revoked. */
  revocations?: RevocationList | undefined
  /** Default: whoever has a good token may stay. */
  gate?: Gate | undefined
  logger: Logger
  meter: StreamMeter
  /** Of balances, for clients that name no currency, and how often they get one. */
  settings: Pick<EffectiveSettings, 'currencyOf' | 'ratesOf'>
  /** Messages that a client may send each second, and the most that it can save up. Default 20. */
  messagesPerSecond?: number | undefined
  /** Default 15: four heartbeats fit into the usual idle limit of proxies. */
  heartbeatSeconds?: number | undefined
}

/** The parameters of a client's connect request. */
export interface Opening {
  principal: Principal
  transport: TransportName
  /** For the log. */
  clientId: string
  lastEventId?: string | undefined
  currency?: string | undefined
  pace?: AskedPace | undefined
  /** Default: the hub, which has the user's own events. */
  feed?: Feed | undefined
}

/** A client is warned this long before its token expires. */
const WARN_BEFORE_SECONDS = 60

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

/** The open connections on all transports: heartbeats, expiry, revocation and closing. */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #open = new Set<Connection>()
  /** Connections that the server is closing. */
  readonly #closing = new WeakSet<Connection>()
  readonly #whenEmpty: (() => void)[] = []
  readonly #log: LogBudget
  readonly #heartbeatSeconds: number
  #ticks = 0
  #opened = 0
  #timer: NodeJS.Timeout

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#heartbeatSeconds = options.heartbeatSeconds ?? 15
    this.#log = new LogBudget(options.logger)
    // One timer for all: a timer for each connection would cost more than the connection.
    this.#timer = setInterval(() => this.#tick(), 1000)
    this.#timer.unref()
    options.revocations?.onRevoked(() => {
      for (const connection of this.#open) this.#endIfBarred(connection)
    })
    options.gate?.onChange(() => {
      for (const connection of this.#open) this.#endIfBarred(connection)
    })
  }

  /** Open connections by transport. */
  get counts(): Record<TransportName, number> {
    const counts = { 'socket.io': 0, sse: 0, websocket: 0 }
    for (const { transport } of this.#open) counts[transport] += 1
    return counts
  }

  /** Open connections by tenant. */
  get byTenant(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { principal } of this.#open) {
      counts.set(principal.tenant, (counts.get(principal.tenant) ?? 0) + 1)
    }
    return counts
  }

  /** Begins the stream of an admitted client. The transport calls `closed` once, whichever side closes. */
  open(sink: TransportSink, opening: Opening): Connection {
    const { principal, transport, clientId, lastEventId, feed = this.#options.hub } = opening
    const subscriber = feed.subscribe(principal, sink, {
      currency: opening.currency || this.#options.settings.currencyOf(principal.tenant),
      lastEventId: lastEventId || undefined,
      pace: this.#paceOf(opening),
    })
    const tally = this.#options.meter.tally(principal.tenant, transport)
    tally.connections += 1
    subscriber.tally = tally
    const slot = this.#opened++ % this.#heartbeatSeconds
    const connection: Connection = {
      principal,
      transport,
      slot,
      sink,
      feed,
      subscriber,
      warned: false,
      wrongTokens: 0,
    }
    this.#open.add(connection)
    this.#options.meter.opened.add(transport)
    this.#log.info(() => `[BalanceGateway] Client ${clientId} connected to balance updates`)
    // The drain, the revocation or the suspension may have begun since the admission. Not closed in this turn, because
    // the transport listens for the end only after it.
    if (this.#options.admission.draining) setImmediate(() => this.#cut(connection, SHUTTING_DOWN))
    else if (this.#barred(connection)) setImmediate(() => this.#endIfBarred(connection))
    return connection
  }

  /** What the client asked for, within what its tenant and the server allow. */
  #paceOf({ pace, principal }: Opening): PaceOptions | undefined {
    const { usual, most } = this.#options.settings.ratesOf(principal.tenant)
    const asked = pace?.maxRate ?? usual
    if (asked === undefined) return undefined
    return { ...pace, maxRate: Math.min(asked, most ?? asked) }
  }

  closed(connection: Connection): void {
    if (!this.#open.delete(connection)) return
    if (this.#open.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve()
    connection.feed.unsubscribe(connection.principal, connection.subscriber)
    this.#options.admission.release(connection.principal)
  }

  /** The message limit of one client, for `countMessage`. */
  messageBucket(): TokenBucket {
    return new TokenBucket(this.#options.messagesPerSecond ?? MESSAGES_PER_SECOND)
  }

  /** Counts one message of the client. False when it was one too many; then the connection is closed. */
  countMessage(connection: Connection, bucket: TokenBucket): boolean {
    if (bucket.take()) return true
    this.end(connection, TOO_MANY_MESSAGES)
    return false
  }

  /** Sends an answer. A client that keeps asking without reading is cut instead. */
  reply(connection: Connection, frame: Frame): void {
    if (connection.feed.isFull(connection.subscriber)) this.end(connection, SLOW)
    else connection.sink.write(frame)
  }

  end(connection: Connection, reason: CloseReason): void {
    connection.subscriber.flush()
    if (reason.final) connection.sink.write(errorFrame(reason.code, reason.message))
    this.#cut(connection, reason)
  }

  #cut(connection: Connection, reason: CloseReason): void {
    // A connection that is already closing gets the reason again, but is counted once.
    if (!this.#closing.has(connection)) this.#options.meter.cuts.add(reason.code)
    this.#closing.add(connection)
    connection.subscriber.flush()
    connection.sink.close(reason)
  }

  /** Closes all connections at random moments within so many seconds, so that clients do not return at once. */
  async drain(seconds: number): Promise<void> {
    const closings = [...this.#open].map((connection) => ({
      connection,
      atMs: Math.random() * seconds * 1000,
    }))
    closings.sort((a, b) => a.atMs - b.atMs)
    const start = performance.now()
    for (const { connection, atMs } of closings) {
      const waitMs = start + atMs - performance.now()
      if (waitMs > 0) await sleep(waitMs)
      if (this.#open.has(connection)) this.#cut(connection, SHUTTING_DOWN)
    }
  }

  /** Resolves when no connection is open any more. */
  allClosed(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenEmpty.push(resolve))
  }

  close(): void {
    clearInterval(this.#timer)
    for (const connection of this.#open) this.#cut(connection, SHUTTING_DOWN)
  }

  /** Why the connection may not stay open. */
  #barred({ principal }: Connection): CloseReason | undefined {
    const { revocations, gate } = this.#options
    if (revocations?.covers(principal) === true) return REVOKED
    const problem = gate?.problem(principal)
    // A tenant that moved is served again by the next server that the client finds.
    const final = problem?.code !== 'unavailable'
    return problem && { code: problem.code, message: problem.message, final }
  }

  #endIfBarred(connection: Connection): void {
    const reason = this.#barred(connection)
    if (reason) this.end(connection, reason)
  }

  #tick(): void {
    const now = Date.now() / 1000
    this.#ticks += 1
    for (const connection of this.#open) {
      const { expiresAt, keyId } = connection.principal
      if (expiresAt <= now) this.end(connection, EXPIRED)
      // A rotated key ends some time after it was rotated.
      else if (keyId !== undefined && this.#barred(connection)) this.#endIfBarred(connection)
      else if (expiresAt - now <= WARN_BEFORE_SECONDS) warnOfExpiry(connection)
      // Each second it is another part's turn, so that heartbeats do not come in bursts.
      if (connection.slot === this.#ticks % this.#heartbeatSeconds) connection.sink.beat()
    }
  }
}

/** Once, and not before the connection has its first state. */
function warnOfExpiry(connection: Connection): void {
  if (connection.warned || !connection.subscriber.hasBegun) return
  connection.warned = true
  const expiresAt = toIso(new Date(connection.principal.expiresAt * 1000).toISOString())
  connection.sink.write(new Frame('token_expiring', { expiresAt }))
}
