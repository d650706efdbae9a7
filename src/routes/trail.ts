import { factory } from '../http/context.ts'
import { refusal } from '../http/errors.ts'
import { amountJson, answer, param } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { Trail } from '../ledger/trail.ts'
import type { RouteDeps } from './deps.ts'
import { eventJson } from './provider-events.ts'
import { transactionJson } from './transaction-json.ts'

/** Of each kind of fact. */
const MOST = 50

/** `GET /admin/transactions/:id`: everything that is known of a transaction. */
export function trailRoutes({
  guards,
  reader,
  deeds,
  providerLedger,
  webhooks,
}: Pick<RouteDeps, 'guards' | 'reader' | 'deeds' | 'providerLedger' | 'webhooks'>) {
  return factory.createApp().get('/:id', guards.requireAdmin, param(field.byId), async (c) => {
    const { principal } = c.var
    const { tenant } = principal
    const { id } = c.req.valid('param')
    const trail = await reader.trail(tenant, id)
    if (!trail) throw refusal('not_found')
    const { transaction, createdBy, related } = trail
    const isTopup = transaction.type === 'topup'
    const [noted, reported, delivered] = await Promise.all([
      deeds.list({ tenant, target: id, limit: MOST }),
      isTopup ? providerLedger.events({ tenant, topupId: id, limit: MOST }) : undefined,
      deliveriesOf(webhooks.endpoints, trail),
    ])
    return answer(c, {
      transaction: transactionJson(transaction, principal),
      createdBy,
      ...ledgerJson(trail, webhooks.epochOf(tenant)),
      related: related.map((each) => transactionJson(each, principal)),
      deeds: noted.items,
      providerEvents: reported?.items.map(eventJson) ?? [],
      webhooks: delivered,
    })
  })
}

function deliveriesOf(
  endpoints: RouteDeps['webhooks']['endpoints'],
  { transaction, events }: Trail,
) {
  const [first, last] = [events[0], events.at(-1)]
  if (!first || !last) return []
  return endpoints.deliveriesOf(transaction, { first: first.seq, last: last.seq })
}

function ledgerJson({ transaction, entries, events }: Trail, epoch: string) {
  const money = (minor: bigint) => amountJson(minor, transaction.currency)
  return {
    entries: entries.map((entry) => ({
      ...entry,
      amount: money(entry.amount),
      previousBalance: money(entry.previousBalance),
      newBalance: money(entry.newBalance),
    })),
    events: events.map((event) => ({
      ...{ id: `${epoch}:${event.seq}` },
      ...event,
      newBalance: money(event.newBalance),
    })),
  }
}
