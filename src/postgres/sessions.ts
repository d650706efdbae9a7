import { parseConnectionString } from '../config/connection-string.ts'
import type { Logger } from '../lib/log.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { appRoleOf, currentUser } from './app-role.ts'
import { connect, SESSIONS, type Sql } from './database.ts'
import { codeOf, isComing, isSqlState } from './errors.ts'
import { type Migrated, MigrationError, migrate, readyFor } from './migrate.ts'
import { tryWrite } from './schema-check.ts'
import { whenReachable } from './wait.ts'

/** A pool for each kind of work, because one kind must not wait for the sessions of another. */
export type Pools = Record<Exclude<keyof typeof SESSIONS, 'listeners'>, Sql>

export interface Sessions {
  pools: Pools
  /** The role that sessions take on. Undefined: they work as their login. */
  role: string | undefined
  /** The reason why the server has more rights in the database than it needs. */
  unguarded: string | undefined
}

export interface SessionsOptions {
  /** Postgres cancels a statement after this time. */
  requestTimeoutMs: number
  /** The same for the auditors. */
  auditTimeoutMs: number
  /** For migrations. */
  ownerUrl: string
  /** For serving. If it is the owner's, its sessions take on the role. */
  appUrl: string
  /** The role for serving. Undefined: derived from the name of the database. */
  appRole: string | undefined
  /** A server without that role does not start. */
  requireAppRole: boolean
  /** Time for the database's first answer. */
  databaseWaitMs: number
  /** Another process has already told the operator about this database. Default false. */
  warned?: boolean
  log: Pick<Logger, 'info' | 'warn'>
}

/**
 * Opens the sessions of a server, after the database is up to date.
 * @throws MigrationError if this program cannot use the database
 */
export async function openSessions(
  options: SessionsOptions,
  releases: ShutdownStack,
): Promise<Sessions> {
  const { ownerUrl, appUrl, log } = options
  const tell = options.warned ? SILENT : log
  const switches = ownerUrl === appUrl
  const open = (role: string | undefined) => openPools(options, role)
  const keep = (pools: Pools, rest: Omit<Sessions, 'pools'>): Sessions => {
    for (const sql of Object.values(pools)) releases.add(() => sql.end({ timeout: 2 }))
    return { pools, ...rest }
  }

  // Usually there is nothing to migrate. Then a server needs no session of the owner, and starts sooner.
  const usualRole = options.appRole ?? appRoleOf(parseConnectionString(ownerUrl).database)
  const role = switches ? usualRole : undefined
  const usual = open(role)
  const waiting = { forMs: options.databaseWaitMs, log }
  const ready = await whenReachable(
    () => readyFor(usual.revokers, usualRole).catch(unlessUnreachable),
    waiting,
  ).catch((error) => {
    end(usual)
    throw error
  })
  if (ready) {
    warn(ready, tell)
    openFirst(usual)
    return keep(usual, { role, unguarded: undefined })
  }
  end(usual)

  const migrated = await whenReachable(
    () => migrate(ownerUrl, { appRole: options.appRole }),
    waiting,
  )
  warn(migrated, tell)
  const { appRole, canUseAppRole } = migrated
  const taken = switches && canUseAppRole ? appRole : undefined
  const pools = open(taken)
  const sessions = keep(pools, { role: taken, unguarded: undefined })
  openFirst(pools)
  // A pooler may pass no role on, and say nothing.
  const guarded = canUseAppRole && (!switches || (await currentUser(pools.revokers)) === appRole)
  if (guarded) return sessions
  if (options.requireAppRole) {
    throw new MigrationError(`this login cannot take on the role ${appRole} (REQUIRE_APP_ROLE)`)
  }
  const unguarded = `the server does not work as the role ${appRole}`
  tell.warn(
    { appRole },
    `${unguarded}, which could change no entry: docs/guide/deployment.md, "Logins"`,
  )
  return { ...sessions, unguarded }
}

function end(pools: Pools): void {
  for (const sql of Object.values(pools)) void sql.end({ timeout: 0 })
}

const SILENT = { warn() {} }

function warn({ warnings }: Pick<Migrated, 'warnings'>, log: Pick<Logger, 'warn'>): void {
  for (const warning of warnings) log.warn(warning)
}

/** If it was Postgres that refused, then the attempt to migrate explains it, or cures it. */
function unlessUnreachable(error: unknown): undefined {
  if (!isSqlState(codeOf(error) ?? '') || isComing(error)) throw error
}

function openPools(
  { appUrl, requestTimeoutMs, auditTimeoutMs }: SessionsOptions,
  role: string | undefined,
): Pools {
  const pool = (work: keyof Pools, statementTimeoutMs = requestTimeoutMs) =>
    connect(appUrl, { role, max: SESSIONS[work], statementTimeoutMs })
  return {
    writers: pool('writers'),
    readers: pool('readers'),
    revokers: pool('revokers'),
    auditors: pool('auditors', auditTimeoutMs),
  }
}

/**
 * Opens the first sessions of requests while the server starts, and lets Postgres read the functions of a payment. A
 * failure shows in the next query.
 */
function openFirst({ readers, writers }: Pools): void {
  readers`select`.catch(() => {})
  tryWrite(writers).catch(() => {})
}
