import { Auditor } from '../../src/ledger/auditor.ts'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { LimitsAndAlerts } from '../../src/ledger/limits-and-alerts.ts'
import { dueHolds, expiringHolds } from '../../src/ledger/maintenance.ts'
import { ProviderLedger } from '../../src/ledger/provider-events.ts'
import { Reader } from '../../src/ledger/reader.ts'
import type { TransactionFilter } from '../../src/ledger/transaction-reader.ts'
import type { Sql } from '../../src/postgres/database.ts'

const tenant = 'default'
const hot = { tenant, userId: 'hot' }
const one = { tenant, userId: 'u7' }
const DAY = 86_400_000

/** The server's queries by name, each run by the server's own code. */
export async function questions(sql: Sql): Promise<Map<string, () => Promise<unknown>>> {
  const reader = new Reader(sql)
  const store = await PostgresEventStore.open(sql)
  const auditor = new Auditor(sql)
  const limitsAndAlerts = new LimitsAndAlerts(sql)
  const providerLedger = new ProviderLedger(sql)
  const executor = new Executor(sql, { inFlight: 1 })

  const page = (filter: TransactionFilter) => () => reader.transactions({ ...filter, limit: 50 })
  const ago = (days: number) => new Date(Date.now() - days * DAY).toISOString()
  const { head } = await store.eventsAfter(hot, Number.MAX_SAFE_INTEGER, 1)
  const [middle] = await sql<
    { id: string }[]
  >`select first_uuid_at(now() - interval '15 days') as id`
  const [some] = await sql<{ id: string }[]>`
    select id from transactions where wallet_id = wallet_of(${tenant}, 'hot') limit 1`
  const ofBusy = async (type: string, status: string) => {
    const [row] = await sql<{ id: string }[]>`
      select id from transactions
      where wallet_id = wallet_of(${tenant}, 'hot') and type = ${type} and status = ${status} limit 1`
    if (!row) throw new Error(`the busy user has no ${status} ${type}`)
    return row.id
  }
  const [waits, failed] = [await ofBusy('hold', 'pending'), await ofBusy('topup', 'failed')]
  const hundred = Array.from({ length: 100 }, (_, i) => ({ tenant, userId: `u${i + 1}` }))
  const pay = (userId: string) => () =>
    executor.execute({
      ...{ op: 'payment', tenant, actor: userId, userId, currency: 'USD', amount: 1n },
    })
  const limit = { currency: 'USD', maxAmount: null, maxSum: 10n ** 15n, windowSeconds: 86_400 }
  await limitsAndAlerts.putLimit({ ...limit, ...hot, type: 'booking_payment' })
  for (const userId of ['hot', 'u7']) {
    const monitor = { threshold: 1n, direction: 'below', currency: 'USD' } as const
    await limitsAndAlerts.putMonitor({ tenant, userId, ...monitor })
  }

  return new Map<string, () => Promise<unknown>>([
    ['balance', () => reader.balance(hot, 'USD')],
    ['balance at a time', () => reader.balanceAt(hot, 'USD', ago(11))],
    ['transaction by id', () => reader.transaction(tenant, some?.id ?? '', 'hot')],
    ['statement of a user', page(one)],
    ['statement of the busy user', page(hot)],
    [
      '… from the middle',
      () => reader.transactions({ ...hot, cursor: middle?.id ?? '', limit: 50 }),
    ],
    ['… of the most common type', page({ ...hot, type: 'booking_payment' })],
    ['… of a rare type', page({ ...hot, type: 'admin_adjustment' })],
    ['… of a type there is none of', page({ ...hot, type: 'refund' })],
    ['… by a rare status', page({ ...hot, status: 'failed' })],
    ['… by type and status', page({ ...hot, type: 'topup', status: 'pending' })],
    ['… of one day', page({ ...hot, from: ago(20), to: ago(19) })],
    ['… in a currency there is none of', page({ ...hot, currency: 'EUR' })],
    ['… by a reference', page({ ...hot, referenceId: 'A-1001' })],
    ['… by metadata', page({ ...hot, metadata: { order: 'A-1001' } })],
    [
      'export, first page',
      async () => {
        for await (const _ of reader.statement(hot)) break
      },
    ],
    ['admin: all', page({ tenant })],
    ['admin: all of a user', page(hot)],
    ['admin: all of a rare type', page({ tenant, type: 'admin_adjustment' })],
    ['admin: all of a type there is none of', page({ tenant, type: 'refund' })],
    ['admin: all that failed', page({ tenant, status: 'failed' })],
    ['admin: all that expired', page({ tenant, status: 'expired' })],
    ['admin: pending topups', page({ tenant, type: 'topup', status: 'pending' })],
    ['admin: pending topups of a user', page({ ...hot, type: 'topup', status: 'pending' })],
    ['admin: all topups', page({ tenant, type: 'topup' })],
    ['admin: all by a reference', page({ tenant, referenceId: 'A-1001' })],
    ['admin: all by metadata', page({ tenant, metadata: { order: '7' } })],
    ['admin: users, first page', () => reader.wallets({ tenant, currency: 'USD', limit: 50 })],
    [
      'admin: users, by a part of the name',
      () => reader.wallets({ tenant, currency: 'USD', search: 'hot', limit: 50 }),
    ],
    ['admin: limits, by user', () => limitsAndAlerts.usagePage({ tenant, limit: 50 })],
    ['admin: alerts, by user', () => limitsAndAlerts.monitorPage({ tenant, limit: 50 })],
    [
      'admin: what a provider reported of a topup',
      () => providerLedger.events({ tenant, topupId: failed, limit: 50 }),
    ],
    ['admin: all that is known of a transaction', () => reader.trail(tenant, some?.id ?? '')],
    ['… of one that waits', () => reader.trail(tenant, waits)],
    ['events: the newest 10', () => store.eventsAfter(hot, head - 10, 500)],
    ['events: from the oldest kept', () => store.eventsAfter(hot, 0, 500)],
    ['heads of 100 users', () => store.heads(hundred)],
    [
      'balances of 100 users',
      () => reader.knownBalances(hundred.map((who) => ({ who, currency: 'USD' }))),
    ],
    [
      'admin: what is known of the user of a request',
      () => reader.requestContexts(tenant, [{ userId: 'u7', currency: 'USD' }]),
    ],
    ['payment', pay('u7')],
    ['payment under a limit by the day', pay('hot')],
    ['outbox: claim', () => store.claim(100, 0)],
    ['outbox: backlog', () => store.backlog()],
    ['changed within the hour', () => store.changedWithin(3_600, null, 500)],
    ['holds that are due', () => dueHolds(sql)],
    ['holds that expire soon', () => expiringHolds(sql, 60)],
    ['holds of which a service was told', () => store.toldHolds(one, null, 500)],
    ['prune events: one step', () => sql`select prune_events(interval '23.2 days', 0, 200)`],
    ['prune keys: one step', () => sql`select prune_idempotency_keys(interval '30 days', 0, 128)`],
    ['verify, a user', () => auditor.verify(one, 'USD')],
    ['verify, the busy user', () => auditor.verify(hot, 'USD')],
    ['recalculate, the busy user', () => auditor.recalculate(hot, 'USD')],
    ['audit: one step', () => sql`select * from audit_wallets(${tenant}, ${'1000'}, 500)`],
    ['audit: orphans', () => sql`select * from audit_orphans(${tenant})`],
    ['audit: the ledger as a whole', () => sql`select * from audit_ledger(${tenant})`],
  ])
}
