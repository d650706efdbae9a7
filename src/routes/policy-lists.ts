import * as z from 'zod'
import { factory } from '../http/context.ts'
import { amountJson, answer, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { MAX_USER_ID } from '../lib/identity.ts'
import type { RouteDeps } from './deps.ts'
import { usageJson } from './limits.ts'
import { monitorJson } from './monitors.ts'

const page = query(
  z.strictObject({
    search: field
      .text(2 * MAX_USER_ID)
      .exactOptional()
      .meta({ description: 'A part of the user id, in any case of letters.' }),
    cursor: field.userId
      .exactOptional()
      .meta({ description: 'The `nextCursor` of the page before.' }),
    limit: field.pageLimit,
  }),
)

/** `/admin/limits`, `/admin/monitors`: the spending limits and the balance alerts of all users of the tenant. */
export function policyListRoutes({
  guards,
  limitsAndAlerts,
}: Pick<RouteDeps, 'guards' | 'limitsAndAlerts'>) {
  return factory
    .createApp()
    .get('/limits', guards.requireAdmin, page, async (c) => {
      const { tenant } = c.var.principal
      const found = await limitsAndAlerts.usagePage({ tenant, ...c.req.valid('query') })
      return answer(c, {
        items: found.items.map(({ tenant: _, ...limit }) => ({
          ...{ userId: limit.userId },
          ...usageJson(limit),
        })),
        nextCursor: found.nextCursor,
      })
    })
    .get('/monitors', guards.requireAdmin, page, async (c) => {
      const { tenant } = c.var.principal
      const found = await limitsAndAlerts.monitorPage({ tenant, ...c.req.valid('query') })
      return answer(c, {
        items: found.items.map(({ balance, ...monitor }) => ({
          ...monitorJson(monitor),
          balance: amountJson(balance, monitor.currency),
        })),
        nextCursor: found.nextCursor,
      })
    })
}
