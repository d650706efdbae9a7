import type { PushDevices } from '../deliveries/push-devices.ts'
import type { WebhookEndpoints } from '../deliveries/webhook-endpoints.ts'
import type { Analytics } from '../ledger/analytics-reader.ts'
import type { Auditor } from '../ledger/auditor.ts'
import type { AutoTopupStore } from '../ledger/auto-topups.ts'
import type { DeedFilter, DeedQuery } from '../ledger/deed.ts'
import type { Deeds } from '../ledger/deeds.ts'
import type { Executor } from '../ledger/executor.ts'
import type { FourEyes } from '../ledger/four-eyes.ts'
import type { Freezes } from '../ledger/freezes.ts'
import type { IdempotencyStore } from '../ledger/idempotency-store.ts'
import type { LimitsAndAlerts } from '../ledger/limits-and-alerts.ts'
import type { PaymentEvent, RecordedOutcome } from '../ledger/provider-event.ts'
import type { ProviderLedger } from '../ledger/provider-events.ts'
import type { Reader } from '../ledger/reader.ts'
import type { TransactionSearch } from '../ledger/search.ts'
import { DatabaseUnavailable, tenantElsewhere } from '../postgres/errors.ts'
import { byTenant, type Databases, ofTenant, ofUser, type Routes } from '../tenants/databases.ts'
import type { DatabaseParts } from './ledger.ts'

type All = Databases<DatabaseParts>

/** What routes and providers use of the ledger: each call goes to the database of its tenant. */
export function routedLedger(databases: All) {
  return {
    executor: byTenant(databases, ({ executor }) => executor, EXECUTOR),
    idempotency: byTenant(databases, ({ idempotency }) => idempotency, IDEMPOTENCY),
    reader: byTenant(databases, ({ reader }) => reader, READER),
    transactionSearch: byTenant(databases, (parts) => parts.transactionSearch, SEARCH),
    deeds: byTenant(databases, ({ deeds }) => deeds as RoutedDeeds, deedRoutes(databases)),
    auditor: byTenant(databases, ({ auditor }) => auditor, AUDITOR),
    analytics: byTenant(databases, ({ analytics }) => analytics, ANALYTICS),
    limitsAndAlerts: byTenant(databases, (parts) => parts.limitsAndAlerts, LIMITS_AND_ALERTS),
    freezes: byTenant(databases, ({ freezes }) => freezes, FREEZES),
    fourEyes: byTenant(databases, ({ fourEyes }) => fourEyes, FOUR_EYES),
    providerLedger: byTenant(
      databases,
      (parts) => parts.providerLedger as RoutedProviderLedger,
      providerRoutes(databases),
    ),
    autoTopups: {
      store: byTenant(
        databases,
        ({ autoTopups }) => autoTopups.store as RoutedAutoTopups,
        AUTO_TOPUPS,
      ),
      provider: databases.main.autoTopups.provider,
    },
    webhooks: {
      ...databases.main.webhooks,
      endpoints: byTenant(
        databases,
        ({ webhooks }) => webhooks.endpoints as RoutedEndpoints,
        ENDPOINTS,
      ),
      epochOf: (tenant: string) => databases.of(tenant).store.epoch,
      wake() {
        for (const { webhooks } of databases.reached) webhooks.wake()
      },
    },
    push: {
      ...databases.main.push,
      devices: byTenant(databases, ({ push }) => push.devices as RoutedDevices, DEVICES),
      wake() {
        for (const { push } of databases.reached) push.wake()
      },
    },
  }
}

const EXECUTOR: Routes<Pick<Executor, 'execute' | 'executeAll'>> = {
  execute: ofUser,
  // All are of one request, so of one tenant.
  executeAll: { tenantOf: ([first]) => first?.tenant ?? '' },
}

const IDEMPOTENCY: Routes<IdempotencyStore> = { run: ofUser }

const READER: Routes<Reader> = {
  ...{ balance: ofUser, knownBalance: ofUser, balances: ofUser, canAfford: ofUser },
  ...{ balanceAt: ofUser, balanceSeries: ofUser, snapshot: ofUser, wallets: ofUser },
  ...{ trail: ofTenant, transaction: ofTenant, transactions: ofUser },
  ...{ requests: ofUser, requestContexts: ofTenant, statementPage: ofUser, statement: ofUser },
  knownBalances: { tenantOf: ([first]) => first?.who.tenant ?? '' },
}

const SEARCH: Routes<TransactionSearch> = { search: ofUser }

const AUDITOR: Routes<Auditor> = {
  ...{ verify: ofUser, audit: ofTenant, recalculate: ofUser, recalculateAll: ofTenant },
}

const LIMITS_AND_ALERTS: Routes<LimitsAndAlerts> = {
  ...{ monitors: ofUser, putMonitor: ofUser, deleteMonitors: ofUser, monitorPage: ofUser },
  ...{ limits: ofTenant, usage: ofUser, usagePage: ofUser, putLimit: ofUser, deleteLimit: ofUser },
}

const FREEZES: Routes<Freezes> = { set: ofUser, history: ofUser }

const FOUR_EYES: Routes<FourEyes> = { state: ofTenant, set: ofTenant }

type RoutedAutoTopups = Pick<
  AutoTopupStore,
  'rules' | 'put' | 'remove' | 'saveMethod' | 'removeMethod' | 'hasMethod'
>

const AUTO_TOPUPS: Routes<RoutedAutoTopups> = {
  ...{ rules: ofUser, put: ofUser, remove: ofUser },
  ...{ saveMethod: ofUser, removeMethod: ofUser, hasMethod: ofUser },
}

type RoutedEndpoints = Omit<WebhookEndpoints, 'totals'>

const ENDPOINTS: Routes<RoutedEndpoints> = {
  ...{ create: ofTenant, list: ofTenant, get: ofTenant, target: ofTenant, change: ofTenant },
  ...{ delete: ofTenant, rotate: ofTenant, attempts: ofTenant, failing: ofTenant },
  ...{ replay: ofTenant, replayAll: ofTenant, deliveriesOf: ofUser },
}

type RoutedDevices = Omit<PushDevices, 'totals'>

const DEVICES: Routes<RoutedDevices> = {
  ...{ register: ofUser, list: ofUser, remove: ofUser },
  ...{ settings: ofUser, configure: ofUser, seen: ofUser },
}

const ANALYTICS: Routes<Analytics> = {
  state: { tenantOf: (of) => of?.tenant ?? '' },
  ...{ series: ofUser, counts: ofUser, movers: ofUser },
  ...{ dormant: ofUser, joined: ofUser, cohorts: ofUser },
}

type RoutedDeeds = Pick<Deeds, 'note' | 'list' | 'all'>

/** Deeds in one page of an export. */
const EXPORT_PAGE = 1_000

/**
 * The main database has what was done to keys, revocations and settings of a tenant, and the tenant's own has the rest.
 * Each has a chain of its own. A list shows both.
 */
function deedRoutes(databases: All): Routes<RoutedDeeds> {
  const list: RoutedDeeds['list'] = async (query) => {
    const own = databases.of(query.tenant).deeds
    const { deeds: inMain } = databases.main
    if (own === inMain) return own.list(query)
    return joined(query, await Promise.all([inMain.list(query), own.list(query)]))
  }
  return {
    note: ofUser,
    list: { call: list },
    all: {
      async *call(filter: DeedFilter) {
        for (let cursor: string | undefined; ; ) {
          const more = cursor === undefined ? {} : { cursor }
          const page = await list({ ...filter, ...more, limit: EXPORT_PAGE, order: 'asc' })
          if (page.items.length > 0) yield page.items
          if (page.nextCursor === null) return
          cursor = page.nextCursor
        }
      },
    },
  }
}

function joined(
  { limit, order = 'desc' }: DeedQuery,
  pages: Awaited<ReturnType<RoutedDeeds['list']>>[],
) {
  // After a move both databases have the deeds of before.
  const found = [
    ...new Map(
      pages.flatMap(({ items }) => items.map((deed) => [deed.id, deed] as const)),
    ).values(),
  ]
  // A UUIDv7 sorts by its time.
  found.sort((a, b) => (a.id < b.id === (order === 'asc') ? -1 : 1))
  const items = found.slice(0, limit)
  const hasMore = found.length > limit || pages.some(({ nextCursor }) => nextCursor !== null)
  return { items, nextCursor: hasMore ? (items.at(-1)?.id ?? null) : null }
}

type RoutedProviderLedger = Pick<
  ProviderLedger,
  'record' | 'linkPayment' | 'paymentOf' | 'events' | 'resolve' | 'debts' | 'settleDebt'
>

function providerRoutes(databases: All): Routes<RoutedProviderLedger> {
  return {
    record: { call: (event) => record(databases, event) },
    linkPayment: { tenantOf: (_provider, _paymentId, topup) => topup.tenant },
    paymentOf: { tenantOf: (_provider, topup) => topup.tenant },
    ...{ events: ofUser, resolve: ofTenant, debts: ofUser, settleDebt: ofTenant },
  }
}

/**
 * An event that names no topup is recorded in every database: the one that has its payment applies it, now or when the
 * event of the payment comes there. In the others it stays parked. If one cannot be reached, the provider repeats it,
 * and those that have it give their first outcome again.
 */
async function record(databases: All, event: PaymentEvent): Promise<RecordedOutcome> {
  if (event.topup) return databases.of(event.topup.tenant).providerLedger.record(event)
  if (databases.all.some(({ parts }) => parts === undefined))
    throw new DatabaseUnavailable(true, undefined)
  const outcomes: RecordedOutcome[] = []
  let refusal: unknown
  for (const { providerLedger } of databases.reached) {
    try {
      outcomes.push(await providerLedger.record(event))
    } catch (error) {
      // Its payment is of a tenant that moved from there. The database that it lives in has the payment too.
      if (tenantElsewhere(error) === undefined) throw error
      refusal = error
    }
  }
  const applied = outcomes.find(({ outcome }) => outcome !== 'parked')
  if (refusal !== undefined && !applied) throw refusal
  const found = applied ?? outcomes[0]
  if (!found) throw new Error('there is no database')
  return found
}
