import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { connect, type Sql } from './database.ts'

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
