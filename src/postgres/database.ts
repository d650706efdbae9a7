import postgres from 'postgres'
import { renewing } from './renewing-pool.ts'
import { socketsOf } from './socket.ts'

export type Sql = postgres.Sql

export interface ConnectOptions {
  /** Connections at most. */
  max?: number
  /** A role that every session takes on. Default: the login's own. */
  role?: string | undefined
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
  return renewing(() => open(url, options))
}

function open(url: string, options: ConnectOptions): Sql {
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
      ...(options.role === undefined ? {} : { role: options.role }),
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
