import type { TicketIssuer } from '../auth/principal.ts'
import type { RevocationStore } from '../auth/revocation-store.ts'
import type { CacheReads } from '../http/cached-reads.ts'
import type { Guards } from '../http/middleware/authorize.ts'
import type { Auditor } from '../ledger/auditor.ts'
import type { Executor } from '../ledger/executor.ts'
import type { IdempotencyStore } from '../ledger/idempotency-store.ts'
import type { LimitsAndAlerts } from '../ledger/limits-and-alerts.ts'
import type { Reader } from '../ledger/reader.ts'
import type { Logger } from '../lib/log.ts'
import type { BalanceCache } from '../realtime/bus/bus.ts'
import type { EventPages } from '../realtime/stream/event-pages.ts'
import type { Health, SystemState } from './state.ts'

export type { Check, Health, SystemState } from './state.ts'

/** The answer of `GET /metrics`. */
export interface Exposition {
  contentType: string
  text: string
}

/** The parts that routes use. Each route takes the ones it needs. */
export interface RouteDeps {
  /** Currency of requests that name none. */
  currency: string
  guards: Guards
  executor: Pick<Executor, 'execute' | 'executeAll'>
  idempotency: IdempotencyStore
  reader: Reader
  auditor: Auditor
  /** Of an audit, a verification or a recalculation. */
  auditTimeoutMs: number
  /** A client of an export has this long to read something of it. Default 30 s. */
  stalledDownloadTimeoutMs?: number
  limitsAndAlerts: LimitsAndAlerts
  cache: BalanceCache
  cacheReads: CacheReads
  tickets: TicketIssuer
  eventPages: Pick<EventPages, 'after' | 'before'>
  revocations: Pick<RevocationStore, 'revoke' | 'lift' | 'list'>
  liveness: () => Health
  readiness: () => Promise<Health>
  system: () => Promise<SystemState>
  metrics: () => Promise<Exposition>
  log: Logger
}
