import type { TicketIssuer } from '../auth/principal.ts'
import type { RevocationStore } from '../auth/revocation.ts'
import type { CacheReads } from '../http/cached-reads.ts'
import type { Guards } from '../http/middleware/authorize.ts'
import type { Auditor } from '../ledger/auditor.ts'
import type { Executor } from '../ledger/executor.ts'
import type { IdempotencyStore } from '../ledger/idempotency-store.ts'
import type { LimitsAndAlerts } from '../ledger/limits-and-alerts.ts'
import type { Reader } from '../ledger/reader.ts'
import type { Logger } from '../lib/log.ts'
import type { BalanceCache } from '../realtime/bus/bus.ts'
import type { Exposition } from './metrics.ts'

/** One thing that was looked at; `reason` is fit for anyone's eyes. */
export interface Check {
  ok: boolean
  reason?: string
}

/** Whether all is well, and with what. */
export interface Health {
  ok: boolean
  checks: Record<string, Check>
}

/** How this process and what it stands on are doing. Every `reason` is fit for an admin's eyes. */
export interface SystemState {
  version: string
  uptimeSeconds: number
  memoryBytes: number
  /** Open streams of this process by transport, and the users behind them. */
  connections: Record<string, number>
  users: number
  /** Events that this process heard: on average over the last ten seconds, and second by second, newest last. */
  events: { perSecond: number; recent: number[]; total: number }
  /** What is committed and not known to be published; null while Postgres cannot say. */
  outbox: { rows: number; oldestSeconds: number } | null
  postgres: { ok: boolean; latencyMs: number | null }
  redis: { ok: boolean; kind: 'redis' | 'memory'; state: string; reason?: string }
  stream: { ok: boolean; state: string; reason?: string }
}

/** What the routes are made of. Each takes the part that it needs. */
export interface RouteDeps {
  /** Currency of requests that name none. */
  currency: string
  guards: Guards
  executor: Pick<Executor, 'execute'>
  idempotency: IdempotencyStore
  reader: Reader
  auditor: Auditor
  /** Seconds that an audit, a verification or a recalculation may take. */
  auditTimeout: number
  /** Milliseconds that an export's reader may take nothing. Default 30 s. */
  exportPatience?: number
  limitsAndAlerts: LimitsAndAlerts
  cache: BalanceCache
  cacheReads: CacheReads
  tickets: TicketIssuer
  revocations: Pick<RevocationStore, 'revoke' | 'lift' | 'list'>
  /** Whether this process should be let live. */
  liveness: () => Health
  /** Whether it should get traffic. */
  readiness: () => Promise<Health>
  system: () => Promise<SystemState>
  metrics: () => Promise<Exposition>
  log: Logger
}
