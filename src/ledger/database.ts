import postgres from 'postgres'
import { socketsOf } from './socket.ts'

export type Sql = postgres.Sql

/** The role that the server works as (sql/roles.sql). */
export const APP_ROLE = 'livebalance_app'

export interface ConnectOptions {
  /** Connections at most. */
  max?: number
  /** Take on `APP_ROLE` in every session: what `migrate` says can be done. */
  asAppRole?: boolean
  /** Every transaction only reads: Postgres refuses the rest. */
  readOnly?: boolean
  /** Milliseconds after which Postgres gives up a statement; 0: never. */
  statementTimeout?: number
  /** Hears what Postgres says beside its answers. Default: nobody does. */
  onNotice?: (notice: postgres.Notice) => void
}

/**
 * Blanks, which Postgres skips. When a connection closes with something still to be sent, the client
 * (postgres 3.4.9) forgets the timer that was to send it, but not that it is set: nothing short is ever sent
 * again, the next startup message included, and each attempt to reconnect ends in a timeout. What is longer
 * than 1024 bytes is sent at once, and sets that right.
 */
const LONG_STARTUP = ' '.repeat(1024)

/** A pool of connections. Connects at the first query. */
export function connect(url: string, options: ConnectOptions = {}): Sql {
  return postgres(url, {
    ...transport(url),
    max: options.max ?? 8,
    connect_timeout: 5,
    // Seconds before the next attempt to connect: a database that is back is found within one.
    backoff: (attempt) => Math.min(2 ** attempt / 50, 1),
    // The client would ask for Postgres's array types on each new connection, and a connection that breaks
    // just then ends the process (an unhandled rejection). So arrays travel as JSON, or as text.
    fetch_types: false,
    onnotice: options.onNotice ?? (() => {}),
    connection: {
      application_name: 'livebalance',
      // Timestamps come out of JSON functions in the session's zone.
      TimeZone: 'UTC',
      statement_timeout: options.statementTimeout ?? 0,
      options: LONG_STARTUP,
      ...(options.readOnly ? { default_transaction_read_only: true } : {}),
      ...(options.asAppRole ? { role: APP_ROLE } : {}),
    },
  })
}

/**
 * TLS is spoken below the client, as the client has read the URL: it would ask for it in a message too short
 * to be sent again after a connection broke (see `LONG_STARTUP`), over a socket that is not ours.
 */
function transport(url: string): object {
  const { ssl } = postgres(url, { max: 1 }).options
  // What has to fall back on a connection without TLS, or skips the question for it, stays the client's.
  if (ssl === 'prefer' || new URLSearchParams(url.split('?')[1]).has('sslnegotiation')) return {}
  if (!ssl) return { socket: socketsOf() }
  const unproven = ssl === 'require' || ssl === 'allow'
  return { ssl: false, socket: socketsOf(unproven ? { rejectUnauthorized: false } : {}) }
}

/** Postgres is away, or went away in the middle of a call. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable'
  /** The call cannot have taken effect. Otherwise it may or may not have. */
  readonly notApplied: boolean

  constructor(notApplied: boolean, cause: unknown) {
    super('the database is not reachable', { cause })
    this.notApplied = notApplied
  }
}

/** Codes of Node and of the client for a connection that was never made. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'CONNECT_TIMEOUT',
  // too_many_connections, cannot_connect_now
  '53300',
  '57P03',
])
/** Codes for a connection that broke, at whatever moment: admin_shutdown, crash_shutdown and class 08 among them. */
const BROKEN = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '25006',
])

/** `error` as `DatabaseUnavailable` if that is what it means, else undefined. */
export function asUnavailable(error: unknown): DatabaseUnavailable | undefined {
  if (error instanceof DatabaseUnavailable) return error
  const code = codeOf(error)
  if (code === undefined) return undefined
  if (NEVER_SENT.has(code)) return new DatabaseUnavailable(true, error)
  if (BROKEN.has(code) || code.startsWith('08')) return new DatabaseUnavailable(false, error)
  return undefined
}

/**
 * Rolled back for certain, and worth another try: serialization_failure, deadlock_detected,
 * lock_not_available, and an idempotency key that two calls for different wallets (so without a lock in
 * common) wrote at once. The second finds the first's answer when it comes again.
 */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error)
  if (code === '23505') return constraintOf(error) === 'idempotency_keys_pkey'
  return code === '40001' || code === '40P01' || code === '55P03'
}

/** Rolled back, for it waited too long for what another transaction has locked. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === '55P03'
}

function constraintOf(error: unknown): unknown {
  return (error as { constraint_name?: unknown } | null)?.constraint_name
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}
