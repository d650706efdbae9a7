import { randomUUID } from 'node:crypto'
import { ProviderLedger } from '../../../src/ledger/provider-events.ts'
import { admin, type LedgerApp } from './ledger-app.ts'

/** A topup of a user of its own, which a provider reports as paid. Gives the topup's id. */
async function paid(api: LedgerApp, { asked = 5, reported = 500n } = {}) {
  const sub = `payer-${randomUUID()}`
  const { body } = await api.call({ sub }, 'POST /transactions/topup', { amount: asked })
  const common = { provider: 'test', paymentId: `pay-${body.id}`, currency: 'USD' }
  const topup = { tenant: 'default', id: body.id as string }
  const ledger = new ProviderLedger(api.sql)
  const report = (kind: 'succeeded' | 'refunded') =>
    ledger.record({ ...common, kind, eventId: randomUUID(), topup, amount: reported })
  await report('succeeded')
  return { topupId: body.id as string, sub, report }
}

/** An event that waits, because another amount was paid than was asked for. */
export async function waitingEvent(api: LedgerApp): Promise<string> {
  const { topupId } = await paid(api, { reported: 499n })
  const { body } = await api.call(admin, `GET /admin/provider-events?topupId=${topupId}`)
  return body.items[0].id
}

/** A debt: the money was spent before it was given back. */
export async function openDebt(api: LedgerApp): Promise<string> {
  const { sub, report } = await paid(api)
  await api.call({ sub }, 'POST /transactions', { type: 'booking_payment', amount: 5 })
  await report('refunded')
  const { body } = await api.call(admin, `GET /admin/debts?userId=${sub}`)
  return body.items[0].id
}
