import * as z from 'zod'
import { factory } from '../http/context.ts'
import { refusal } from '../http/errors.ts'
import { amountJson, answer, json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import {
  DEBT_STATUSES,
  type Debt,
  PROVIDER_OUTCOMES,
  type ProviderEvent,
} from '../ledger/provider-event.ts'
import { ApiError } from '../lib/api-error.ts'
import { asDeed } from './deed.ts'
import type { RouteDeps } from './deps.ts'
import { idempotent } from './writes.ts'

const page = {
  userId: field.userId.exactOptional(),
  cursor: field.transactionId
    .exactOptional()
    .meta({ description: 'The `nextCursor` of the page before.' }),
  limit: field.pageLimit,
}

/** `/admin/provider-events`, `/admin/debts`: what payment providers reported, and what an admin has to decide. */
export function providerEventRoutes(
  deps: Pick<RouteDeps, 'guards' | 'idempotency' | 'providerLedger' | 'deeds' | 'log'>,
) {
  const { guards, idempotency, providerLedger } = deps
  return factory
    .createApp()
    .get(
      '/provider-events',
      guards.requireAdmin,
      query(
        z.strictObject({
          ...page,
          outcome: z
            .enum([...PROVIDER_OUTCOMES, 'all'])
            .default('waiting')
            .meta({ description: 'Default: only those that wait for an admin.' }),
          topupId: field.transactionId.exactOptional(),
        }),
      ),
      async (c) => {
        const { outcome, ...rest } = c.req.valid('query')
        const { items, nextCursor } = await providerLedger.events({
          tenant: c.var.principal.tenant,
          ...rest,
          ...(outcome !== 'all' && { outcome }),
        })
        return answer(c, { items: items.map(eventJson), nextCursor })
      },
    )
    .post(
      '/provider-events/:id/resolve',
      guards.requireAdmin,
      param(field.byId),
      json(
        z.strictObject({
          resolution: field
            .text(1000)
            .refine((given) => given.trim() !== '', 'must say what was done'),
        }),
      ),
      (c) => {
        const { tenant, userId } = c.var.principal
        const { id } = c.req.valid('param')
        const { resolution } = c.req.valid('json')
        const deed = { deed: 'provider_event_resolve', target: id } as const
        const resolve = () =>
          asDeed(c, deps, deed, async (origin) => {
            const resolved = await providerLedger.resolve(tenant, id, userId, resolution, origin)
            if (!resolved) throw new ApiError(404, 'not_found', 'No such event waits for an admin.')
            if (resolved === 'self_approval') throw refusal(resolved)
            return eventJson(resolved)
          })
        return idempotent(c, idempotency, resolve, 200)
      },
    )
    .get(
      '/debts',
      guards.requireAdmin,
      query(z.strictObject({ ...page, status: z.enum(DEBT_STATUSES).default('open') })),
      async (c) => {
        const { items, nextCursor } = await providerLedger.debts({
          tenant: c.var.principal.tenant,
          ...c.req.valid('query'),
        })
        return answer(c, { items: items.map(debtJson), nextCursor })
      },
    )
    .post(
      '/debts/:id/settle',
      guards.requireAdmin,
      param(field.byId),
      json(
        z.strictObject({
          action: z.enum(['collect', 'write_off']).meta({
            description:
              '`collect` takes what the wallet has available, by an adjustment. `write_off` gives the rest up.',
          }),
        }),
      ),
      (c) => {
        const { tenant, userId } = c.var.principal
        const { id } = c.req.valid('param')
        const { action } = c.req.valid('json')
        const deed = { deed: 'debt_settle', target: id, asked: { action } } as const
        const settle = () =>
          asDeed(c, deps, deed, async (origin) => {
            const settled = await providerLedger.settleDebt(tenant, id, userId, action, origin)
            if (!settled) throw new ApiError(404, 'not_found', 'There is no such open debt.')
            if (settled.refusal) throw refusal(settled.refusal)
            return debtJson(settled.debt)
          })
        return idempotent(c, idempotency, settle, 200)
      },
    )
}

export function eventJson({ amount, ...event }: ProviderEvent) {
  const { currency } = event
  const known = amount !== null && currency !== null
  return { ...event, amount: known ? amountJson(amount, currency) : null }
}

function debtJson({ amount, collected, ...debt }: Debt) {
  return {
    ...debt,
    amount: amountJson(amount, debt.currency),
    collected: amountJson(collected, debt.currency),
  }
}
