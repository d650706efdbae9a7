import { type PostgresHost, parseConnectionString } from '../config/connection-string.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { connect, type Sql } from './database.ts'

/** Sessions with one replica, for each kind of work. */
const REPLICA_SESSIONS = {
  readers: 4,
  auditors: 2,
  /** A check must not wait behind reads. */
  checks: 1,
}

export type ReplicaPools = Record<keyof typeof REPLICA_SESSIONS, Sql>

/** The sessions with a replica, and its host and port. */
export interface ReplicaSessions {
  name: string
  pools: ReplicaPools
}

/** A check that takes longer has failed. */
export const CHECK_TIMEOUT_MS = 2_000

/**
 * The sessions with each host of a connection string.
 * @param options as of the sessions with the primary
 */
export function openReplicas(
  url: string,
  {
    role,
    requestTimeoutMs,
    auditTimeoutMs,
  }: { role: string | undefined; requestTimeoutMs: number; auditTimeoutMs: number },
  releases: ShutdownStack,
): ReplicaSessions[] {
  return parseConnectionString(url).hosts.map((host) => {
    const pool = (work: keyof ReplicaPools, statementTimeoutMs: number) =>
      connect(url, {
        ...{ role, statementTimeoutMs, host },
        max: REPLICA_SESSIONS[work],
        readOnly: true,
      })
    const pools = {
      readers: pool('readers', requestTimeoutMs),
      auditors: pool('auditors', auditTimeoutMs),
      checks: pool('checks', CHECK_TIMEOUT_MS),
    }
    for (const sql of Object.values(pools)) releases.add(() => sql.end({ timeout: 2 }))
    return { name: nameOf(host), pools }
  })
}

function nameOf(host: PostgresHost): string {
  return 'path' in host ? host.path : `${host.host}:${host.port}`
}
