import { AutoTopupStore } from '../../../src/ledger/auto-topups.ts'
import type { Command, Operation } from '../../../src/ledger/command.ts'
import type { PaymentEvent, PaymentEventKind } from '../../../src/ledger/provider-event.ts'
import { ProviderLedger } from '../../../src/ledger/provider-events.ts'
import type { Sql } from '../../../src/postgres/database.ts'
import { MARK, mine, PROVIDER, theirs } from './tenant-names.ts'

type Open = (who: typeof mine, op: Operation, rest?: Partial<Command>) => Promise<string>

const ALL = { limit: 100 }

/**
 * Payments at a provider, with debts, events that wait, and auto top-ups of `theirs`. Their user has nothing left. `mine`
 * has a topup that is paid, and one that is not.
 */
export async function openPayments(sql: Sql, open: Open) {
  const ledger = new ProviderLedger(sql)
  const report = (
    tenant: string,
    topupId: string,
    kind: PaymentEventKind,
    rest: Partial<PaymentEvent>,
  ) =>
    ledger.record({
      ...{ provider: PROVIDER, kind, paymentId: '', topup: { tenant, id: topupId } },
      ...{ eventId: `${kind} ${rest.disputeId ?? rest.paymentId}`, currency: 'USD', ...rest },
    })
  const own = {
    pending: await open(mine, 'topup_request'),
    topup: await open(mine, 'topup_request'),
    paymentId: 'paid by mine',
  }
  await report('mine', own.topup, 'succeeded', { paymentId: own.paymentId, amount: 100n })

  const paid = { paymentId: `paid ${MARK}`, detail: MARK, amount: 88_888_888n }
  const description = MARK
  const topup = await open(theirs, 'topup_request', { description, amount: paid.amount })
  const unpaid = await open(theirs, 'topup_request', { description, amount: 77_777_777n })
  const about = (topupId: string, kind: PaymentEventKind, rest: Partial<PaymentEvent>) =>
    report('theirs', topupId, kind, { ...paid, ...rest })
  await about(topup, 'succeeded', {})
  const spent = await open(theirs, 'payment', { description, amount: paid.amount })
  await about(topup, 'refunded', {})
  const disputes = ['open', 'written off'].map((name) => `${name} ${MARK}`)
  for (const disputeId of disputes) await about(topup, 'disputed', { disputeId })
  const debts = (await ledger.debts({ tenant: 'theirs', ...ALL })).items.map(({ id }) => id)
  await ledger.settleDebt('theirs', debts.at(-1) ?? '', MARK, 'write_off')
  const mismatched = ['waiting', 'resolved'].map((name) => `${name} ${MARK}`)
  for (const paymentId of mismatched) await about(unpaid, 'succeeded', { paymentId })
  const recorded = (await ledger.events({ tenant: 'theirs', ...ALL })).items
  await ledger.resolve('theirs', recorded.at(-1)?.id ?? '', MARK, MARK)

  const autoTopups = new AutoTopupStore(sql)
  const runs = await openAutoTopups(autoTopups)
  const events = recorded.map(({ id }) => id)
  return {
    ...{ ledger, autoTopups, own, events, debts, disputes, spent },
    eventIds: recorded.map(({ eventId }) => eventId),
    paymentIds: [paid.paymentId, ...mismatched],
    transactions: [topup, unpaid, spent, ...runs],
    secrets: [...events, ...debts],
  }
}

/** One that waits for the provider, and one that has ended, so that its rule is paused. Gives their topups. */
async function openAutoTopups(store: AutoTopupStore): Promise<string[]> {
  const method = { provider: PROVIDER, customer: MARK, paymentMethod: MARK }
  await store.saveMethod(theirs, method, MARK)
  for (const currency of ['EUR', 'USD']) {
    await store.put(theirs, {
      ...{ currency, threshold: 88_888_888n, amount: 77_777_777n },
      ...{ cap: 88_888_888n, periodSeconds: 3600 },
    })
  }
  const topups: string[] = []
  for (const { wallet_id, currency } of await store.due(2)) {
    const opened = await store.open(wallet_id, currency)
    if (!opened) throw new Error('an auto top-up is not due')
    await store.charged(opened.topup, MARK)
    if (currency === 'USD') await store.end(opened.topup, MARK)
    topups.push(opened.topup.id)
  }
  return topups
}
