import type { ApiKeys } from '../auth/api-keys.ts'
import type { Principal, TicketIssuer } from '../auth/principal.ts'
import type { RevocationStore } from '../auth/revocation-store.ts'
import type { Push } from '../deliveries/push-notifications.ts'
import type { Webhooks } from '../deliveries/webhooks.ts'
import type { CacheReads } from '../http/cached-reads.ts'
import type { Guards } from '../http/middleware/authorize.ts'
import type { Analytics } from '../ledger/analytics-reader.ts'
import type { Auditor } from '../ledger/auditor.ts'
import type { AutoTopupStore } from '../ledger/auto-topups.ts'
import type { Deeds } from '../ledger/deeds.ts'
import type { Executor } from '../ledger/executor.ts'
import type { FourEyes } from '../ledger/four-eyes.ts'
import type { Freezes } from '../ledger/freezes.ts'
import type { IdempotencyStore } from '../ledger/idempotency-store.ts'
import type { LimitsAndAlerts } from '../ledger/limits-and-alerts.ts'
import type { ProviderLedger } from '../ledger/provider-events.ts'
import type { Reader } from '../ledger/reader.ts'
import type { TransactionSearch } from '../ledger/search.ts'
import type { Logger } from '../lib/log.ts'
import type { Payments } from '../providers/providers.ts'
import type { BalanceCache } from '../realtime/bus/bus.ts'
import type { EventPages } from '../realtime/stream/event-pages.ts'
import type { Tenants } from '../tenants/tenants.ts'
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
  transactionSearch: Pick<TransactionSearch, 'search'>
  /** The log of deeds. */
  deeds: Pick<Deeds, 'note' | 'list' | 'all'>
  auditor: Auditor
  analytics: Analytics
  /** Of an audit, a verification or a recalculation. */
  auditTimeoutMs: number
  /** A client of an export has this long to read something of it. Default 30 s. */
  stalledDownloadTimeoutMs?: number
  limitsAndAlerts: LimitsAndAlerts
  freezes: Freezes
  fourEyes: FourEyes
  payments: Pick<Payments, 'has' | 'receive' | 'start'>
  providerLedger: Pick<ProviderLedger, 'events' | 'resolve' | 'debts' | 'settleDebt'>
  /** `provider`: the one whose saved payment methods can be charged, if any. */
  autoTopups: {
    store: Pick<
      AutoTopupStore,
      'rules' | 'put' | 'remove' | 'saveMethod' | 'removeMethod' | 'hasMethod'
    >
    provider: string | undefined
  }
  cache: BalanceCache
  cacheReads: CacheReads
  tickets: TicketIssuer
  eventPages: Pick<EventPages, 'after' | 'before'>
  revocations: Pick<RevocationStore, 'revoke' | 'lift' | 'list'>
  webhooks: Webhooks
  push: Push
  tenants: Tenants
  apiKeys: ApiKeys
  liveness: () => Health
  readiness: () => Promise<Health>
  /** What the caller may know of the state of the system. */
  system: (caller: Pick<Principal, 'tenant' | 'isOperator'>) => Promise<SystemState>
  metrics: () => Promise<Exposition>
  log: Logger
}
