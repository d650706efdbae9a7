import type { Guards } from '../auth/guards.ts'
import type { TicketIssuer } from '../auth/principal.ts'
import type { Who } from '../ledger/event.ts'
import type { Auditor, Executor, Policies, Reader } from '../ledger/ledger.ts'
import type { Logger } from '../log.ts'

/** The shared cache of balances. */
export interface BalanceCache {
  /** The cached balance as plain decimal text; null when it is not cached, or cannot be trusted now. */
  cachedBalance(who: Who, currency: string): Promise<string | null>
  /** Caches what was read from Postgres (minor units, true at `seq`), unless something newer is cached. Never rejects. */
  fill(who: Who, currency: string, minor: bigint, seq: number): Promise<void>
}

/** Whether this process should get traffic. */
export interface Readiness {
  ready: boolean
  /** By dependency; `reason` is fit for anyone's eyes. */
  checks: Record<string, { ok: boolean; reason?: string }>
}

/** What the routes are made of. Each takes the part that it needs. */
export interface RouteDeps {
  /** Currency of requests that name none. */
  currency: string
  guards: Guards
  executor: Executor
  reader: Reader
  auditor: Auditor
  policies: Policies
  cache: BalanceCache
  tickets: TicketIssuer
  readiness: () => Promise<Readiness>
  log: Logger
}
