import type { Socket } from 'node:net'
import postgres from 'postgres'
import {
  type PostgresHost,
  type PostgresTarget,
  parseConnectionString,
} from '../config/connection-string.ts'
import { FailedSocket, LONG_STARTUP, mended, oneAtATime, renewing } from './driver.ts'
import { Hosts, openSocket, type ServerState } from './hosts.ts'

export type Sql = postgres.Sql

export interface ConnectOptions {
  /** Connections at most. */
  max?: number
  /** A role that every session takes on. Default: the login's own. */
  role?: string | undefined
  /** Postgres rejects every write. */
  readOnly?: boolean
  /** Postgres cancels a statement that runs longer. Default 0: never. */
  statementTimeoutMs?: number
  /** The only one of the hosts to connect to, in whatever state it is. Default: as the connection string says. */
  host?: PostgresHost
  /** Called with the notices of Postgres. Default: they are ignored. */
  onNotice?: (notice: postgres.Notice) => void
  /** Called with the channel of each notification that a session listens to. */
  onNotification?: (channel: string) => void
  /** Called when a connection has closed. */
  onClose?: () => void
}

/**
 * A pool of connections. Connects at the first query.
 * @param url see `parseConnectionString`
 */
export function connect(url: string, options: ConnectOptions = {}): Sql {
  const target = parseConnectionString(url)
  const { host } = options
  const chosen = host
    ? { ...target, hosts: [host] as const, sessionAttributes: 'any' as const }
    : target
  return renewing(() => open(chosen, options))
}

function open(target: PostgresTarget, options: ConnectOptions): Sql {
  const hosts = new Hosts(target, (host) => stateOf(host, target))
  return client(target, options, () => hosts.connect())
}

/** Asks one server for its state, over a separate connection. */
async function stateOf(host: PostgresHost, target: PostgresTarget): Promise<ServerState> {
  const sql = client(target, { max: 1 }, () => openSocket(host, target))
  try {
    const [state] = await sql<ServerState[]>`
      select pg_is_in_recovery() as standby, current_setting('transaction_read_only') = 'on' as "readOnly"`
    if (!state) throw new Error('the database does not say what it is')
    return state
  } finally {
    await sql.end({ timeout: 0 })
  }
}

function client(
  target: PostgresTarget,
  options: ConnectOptions,
  reach: () => Promise<Socket>,
): Sql {
  const [first] = target.hosts
  const named: object =
    'path' in first ? { path: first.path } : { host: [first.host], port: [first.port] }
  // The client reads `PG*` variables for missing options. All options are given here except this one.
  delete process.env.PGTARGETSESSIONATTRS
  const sql = postgres({
    // The client uses these only in its errors. With several hosts it would never give up.
    ...named,
    // The client's types do not know this option.
    ...({ socket: () => reach().then(mended, (error) => new FailedSocket(error)) } as object),
    ...{ user: target.user, password: target.password, database: target.database },
    ...{ ssl: false, idle_timeout: 0, max_pipeline: 100, keep_alive: 0, debug: false },
    ...{ max_lifetime: 60 * (30 + Math.random() * 30), publications: '' },
    max: options.max ?? 8,
    // Counts from the open connection to the start of the session.
    connect_timeout: target.connectTimeoutSeconds,
    // Seconds before the next attempt to connect. At most 1 s after it returns, a database is found.
    backoff: (attempt) => Math.min(2 ** attempt / 50, 1),
    // With this on, the client queries the array types on each new connection. If the connection breaks
    // then, an unhandled rejection ends the process. So arrays are sent as JSON or as text.
    fetch_types: false,
    // Behind a pooler the next transaction may run in another session, which lacks the prepared statement.
    prepare: !target.pooled,
    onnotice: options.onNotice ?? (() => {}),
    // The client's types do not know these options.
    ...({ onnotify: options.onNotification, onclose: options.onClose } as object),
    connection: {
      application_name: 'livebalance',
      ...target.settings,
      // Timestamps come out of JSON functions in the session's zone.
      TimeZone: 'UTC',
      // The client reads times in this form only. Poolers pass the setting on, as those beside it.
      DateStyle: 'ISO',
      // Patterns in the SQL have backslashes. Poolers pass on this setting and the one before.
      standard_conforming_strings: 'on',
      ...LONG_STARTUP,
      ...(target.pooled ? {} : sessionSettings(options)),
    },
  })
  return target.pooled ? oneAtATime(sql) : sql
}

/** Settings that a database, a role or a server may have for other applications, at their values for this one. */
const WHATEVER_THE_DATABASE_SAYS = {
  // The ledger is there. Its functions name it too, so that nothing in another schema takes the place of a table.
  search_path: 'public, pg_temp',
  // The ledger takes locks. At a stricter level each wait would end in an error and a retry.
  default_transaction_isolation: 'read committed',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  // The pool keeps idle sessions, and Postgres could end one just as a query goes out.
  idle_session_timeout: '0',
  // Postgres compiles a query that it takes for a long one, for up to a second. Statements here take milliseconds.
  jit: 'off',
}

/** Settings for the life of a session. A pooler that shares sessions does not pass them on. */
function sessionSettings({ statementTimeoutMs, readOnly, role }: ConnectOptions): object {
  return {
    ...WHATEVER_THE_DATABASE_SAYS,
    // As text, because the client sends no zero.
    statement_timeout: String(statementTimeoutMs ?? 0),
    ...(readOnly ? { default_transaction_read_only: true } : {}),
    ...(role === undefined ? {} : { role }),
  }
}

/** Sessions with Postgres for each kind of work. */
export const SESSIONS = {
  /** Few, because they batch, and because the writers of a busy wallet wait for each other. */
  writers: 2,
  readers: 8,
  /** Revocations of tokens must not wait behind a long queue of reads. */
  revokers: 1,
  /** An audit reads every entry with two sessions, and must not delay other reads. */
  auditors: 2,
  /** Hears of the commits of applications that call the ledger by SQL. */
  listeners: 1,
}

/** The most sessions that a server opens. */
export const ALL_SESSIONS = Object.values(SESSIONS).reduce((sum, count) => sum + count, 0)
