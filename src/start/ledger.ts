import { createPush } from '../deliveries/push-notifications.ts'
import { createWebhooks } from '../deliveries/webhooks.ts'
import type { AdminNotice } from '../ledger/admin-notice.ts'
import { AnalyticsCounts } from '../ledger/analytics-counts.ts'
import { Analytics } from '../ledger/analytics-reader.ts'
import { Auditor } from '../ledger/auditor.ts'
import { AutoTopupStore } from '../ledger/auto-topups.ts'
import { Deeds } from '../ledger/deeds.ts'
import { PostgresEventStore } from '../ledger/event-store.ts'
import { Executor } from '../ledger/executor.ts'
import { FourEyes } from '../ledger/four-eyes.ts'
import { Freezes } from '../ledger/freezes.ts'
import { IdempotencyStore } from '../ledger/idempotency-store.ts'
import { LimitsAndAlerts } from '../ledger/limits-and-alerts.ts'
import { createMaintenance } from '../ledger/maintenance.ts'
import { ProviderLedger } from '../ledger/provider-events.ts'
import { Reader } from '../ledger/reader.ts'
import { TransactionSearch } from '../ledger/search.ts'
import type { VapidKeys } from '../lib/vapid.ts'
import { SESSIONS } from '../postgres/database.ts'
import { onReplicas } from '../postgres/on-replicas.ts'
import type { ReplicaSessions } from '../postgres/replica-sessions.ts'
import { Replicas } from '../postgres/replicas.ts'
import type { Pools } from '../postgres/sessions.ts'
import { AutoTopups } from '../providers/auto-topup.ts'
import type { PaymentProvider } from '../providers/provider.ts'
import type { Bus } from '../realtime/bus/bus.ts'
import type { Gateway } from '../realtime/gateway.ts'
import type { Publishing } from '../realtime/outbox.ts'
import type { Context } from './context.ts'

/** The parts of one database that the bus and the gateway are built on. */
export type Events = ReturnType<typeof createEvents>

/** The parts of one database that read and change the ledger. */
export type Ledger = ReturnType<typeof createLedger>

/** Everything that is there once for each database. */
export type DatabaseParts = Ledger & Events & { pools: Pools; sweep(): void }

/** Creates what reads the events of one database, and what sends them to webhooks and devices. */
export function createEvents(
  { config, log, releases, meters }: Context,
  { readers }: Pick<Pools, 'readers'>,
  epoch: string,
  vapid: VapidKeys | undefined,
  announce: (notices: readonly AdminNotice[]) => void,
) {
  const common = {
    ...{ sql: readers, epoch, log, allowPrivate: config.webhookAllowPrivate },
    answered: () => meters.requests.answered,
  }
  const webhooks = createWebhooks(
    {
      ...{ ...common, concurrency: config.webhookConcurrency },
      ...{ meter: meters.webhooks, announce },
    },
    releases,
  )
  const push = createPush(
    { ...common, meter: meters.push, vapid, maxAgeSeconds: config.push.maxAgeSeconds },
    releases,
  )
  return {
    store: new PostgresEventStore(readers, epoch),
    webhooks,
    push,
    onMarked() {
      webhooks.wake()
      push.wake()
    },
  }
}

export interface LedgerOptions {
  pools: Pools
  /** The sessions with each replica of this database. */
  replicas: ReplicaSessions[]
  store: PostgresEventStore
  bus: Bus
  gateway: Gateway
  publishing: Publishing
  providers: readonly PaymentProvider[]
  livesHere(tenant: string): boolean
}

/** Creates the parts that read and change the ledger of one database. */
export function createLedger(
  context: Context,
  { pools, store, bus, gateway, publishing, providers, livesHere, ...options }: LedgerOptions,
) {
  const { config, log, releases, tracing, meters } = context
  const { writers, readers, auditors } = pools
  const { onCommitted, announce } = publishing
  const counts = new AnalyticsCounts({ sql: readers, log })
  counts.watch(() => [...gateway.meter.traffic()].filter(({ tenant }) => livesHere(tenant)))
  releases.add(() => counts.stop())
  const executor = new Executor(writers, {
    onCommitted,
    announce,
    inFlight: SESSIONS.writers,
    retryForMs: config.requestTimeoutMs,
    observers: [meters.ledger, counts, ...(tracing ? [tracing.ledger] : [])],
  })
  const deeds = new Deeds(readers)
  const startLedgerMaintenance = createMaintenance(
    { ...config, sql: readers, longRunning: auditors, executor, deeds, log },
    releases,
  )
  const auditor = new Auditor(auditors, {
    onCommitted,
    onVerified: async (wallets) => {
      await Promise.all(wallets.map((w) => bus.fill(w, w.currency, w.balance, w.seq)))
    },
  })
  const replicas = startReplicas(context, options.replicas, pools, store.epoch)
  const reader = onReplicas(replicas, new Reader(readers), (on) => new Reader(on.readers), {
    ...{ transactions: READ_WAIT_MS, statementPage: READ_WAIT_MS },
    ...{ balanceAt: READ_WAIT_MS, balanceSeries: READ_WAIT_MS },
  })
  const providerLedger = new ProviderLedger(readers, {
    onCommitted,
    announce,
    rules: config.providers.takeBack,
    retryForMs: config.requestTimeoutMs / 2,
  })
  const autoTopupStore = new AutoTopupStore(readers, (applied) => providerLedger.publish(applied))
  const autoTopups = new AutoTopups({ store: autoTopupStore, providers, log })
  releases.add(() => autoTopups.stop())
  return {
    executor,
    deeds,
    replicas,
    transactionSearch: onReplicas(
      replicas,
      new TransactionSearch(auditors),
      (on) => new TransactionSearch(on.auditors),
      { search: READ_WAIT_MS },
    ),
    providerLedger,
    autoTopups: { store: autoTopupStore, provider: autoTopups.provider },
    startMaintenance() {
      startLedgerMaintenance()
      autoTopups.start()
      counts.start()
    },
    reader: tracing?.spanned(reader, 'postgresql', TRACED_READS) ?? reader,
    idempotency: new IdempotencyStore(readers, { waitTimeoutMs: config.requestTimeoutMs }),
    limitsAndAlerts: new LimitsAndAlerts(readers),
    fourEyes: new FourEyes(readers),
    freezes: new Freezes(readers, {
      currency: (tenant) => gateway.settings.currencyOf(tenant),
      onCommitted,
    }),
    analytics: onReplicas(replicas, new Analytics(readers), (on) => new Analytics(on.readers), {
      ...{ series: READ_WAIT_MS, counts: READ_WAIT_MS, movers: READ_WAIT_MS },
      ...{ dormant: READ_WAIT_MS, joined: READ_WAIT_MS, cohorts: READ_WAIT_MS },
    }),
    auditor: onReplicas(replicas, auditor, (on) => new Auditor(on.auditors), {
      ...{ audit: AUDIT_WAIT_MS, verify: AUDIT_WAIT_MS },
    }),
  }
}

/** How long a replica may take to have what the primary had. Then the primary answers. */
const READ_WAIT_MS = 100
/** An audit takes seconds. */
const AUDIT_WAIT_MS = 2_000

/** Undefined: there are none. */
function startReplicas(
  { config, log, releases }: Context,
  pools: ReplicaSessions[],
  { readers }: Pick<Pools, 'readers'>,
  epoch: string,
): Replicas | undefined {
  if (pools.length === 0) return undefined
  const replicas = new Replicas({
    ...{ pools, primary: readers, epoch, log },
    maxLagSeconds: config.databaseReplicaMaxLagSeconds,
  })
  replicas.start()
  releases.add(() => replicas.stop())
  return replicas
}

/** Calls that become spans of their request. */
const TRACED_READS = [
  'balance',
  'balances',
  'balanceAt',
  'snapshot',
  'transaction',
  'transactions',
  'requests',
] as const
