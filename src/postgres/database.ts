import type { Socket } from 'node:net'
import postgres from 'postgres'
import {
  type PostgresHost,
  type PostgresTarget,
  parseConnectionString,
} from '../config/connection-string.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { FailedSocket, LONG_STARTUP, mended, renewing } from './driver.ts'
import { Hosts, openSocket, type ServerState } from './hosts.ts'

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
 * A pool of connections. Connects at the first query.
 * @param url see `parseConnectionString`
 */
export function connect(url: string, options: ConnectOptions = {}): Sql {
  const target = parseConnectionString(url)
  return renewing(() => open(target, options))
}

function open(target: PostgresTarget, options: ConnectOptions): Sql {
  const hosts = new Hosts(target, (host) => stateOf(host, target))
  return client(target, options, () => hosts.connect())
}

/** Asks one server what it is, over a connection of its own. */
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
    'path' in first ? { host: first.path } : { host: [first.host], port: [first.port] }
  // The client reads `PG*` variables for what it is not told: all of it is told here, but this.
  delete process.env.PGTARGETSESSIONATTRS
  return postgres({
    // The client only names them in its errors. With several it would never give up.
    ...named,
    // The client's types do not know this option.
    ...({ socket: () => reach().then(mended, (error) => new FailedSocket(error)) } as object),
    ...{ user: target.user, password: target.password, database: target.database },
    ...{ ssl: false, idle_timeout: 0, max_pipeline: 100, keep_alive: 0, debug: false },
    ...{ max_lifetime: 60 * (30 + Math.random() * 30), publications: '' },
    max: options.max ?? 8,
    // Of what comes after the connection stands: the start of a session.
    connect_timeout: target.connectTimeout,
    // Seconds before the next attempt to connect: a database that is back is found within one.
    backoff: (attempt) => Math.min(2 ** attempt / 50, 1),
    // The client would ask for Postgres's array types on each new connection, and a connection that breaks
    // just then ends the process (an unhandled rejection). So arrays travel as JSON, or as text.
    fetch_types: false,
    // A pooler gives the next transaction another session, which does not know this one's statements.
    prepare: !target.pooled,
    onnotice: options.onNotice ?? (() => {}),
    connection: {
      application_name: 'livebalance',
      ...target.settings,
      // Timestamps come out of JSON functions in the session's zone.
      TimeZone: 'UTC',
      ...LONG_STARTUP,
      ...(target.pooled ? {} : sessionSettings(options)),
    },
  })
}

/** What a session has for its whole life. A pooler that shares sessions takes none of it. */
function sessionSettings({ statementTimeout, readOnly, role }: ConnectOptions): object {
  return {
    statement_timeout: statementTimeout ?? 0,
    ...(readOnly ? { default_transaction_read_only: true } : {}),
    ...(role === undefined ? {} : { role }),
  }
}

/** Sessions with Postgres, by the work that has them to itself. */
export const SESSIONS = {
  /** They always batch, so that few are enough, and a hot wallet has few waiting for it. */
  writers: 2,
  readers: 8,
  /** Revoke tokens, and learn what others revoked, however long the readers' queue is. */
  revokers: 1,
  /** Look at every entry: apart, so that no reader waits for them, and as many as an audit uses. */
  auditors: 2,
}

export interface PoolsOptions {
  url: string
  /** A role that every session takes on; undefined: the login's own. */
  role: string | undefined
  /** Postgres cancels a statement after this time. */
  requestTimeoutMs: number
  /** The same for the auditors. */
  auditTimeoutMs: number
}

/** The pool of each kind of work: ask for it once, which makes it. It connects at its first query. */
export function poolsOf(
  { url, role, requestTimeoutMs, auditTimeoutMs }: PoolsOptions,
  releases: ShutdownStack,
): (work: keyof typeof SESSIONS) => Sql {
  return (work) => {
    const statementTimeout = work === 'auditors' ? auditTimeoutMs : requestTimeoutMs
    const sql = connect(url, { role, max: SESSIONS[work], statementTimeout })
    releases.add(() => sql.end({ timeout: 2 }))
    return sql
  }
}
