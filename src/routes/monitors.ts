import type { Context } from 'hono'
import { z } from 'zod'
import { readAmount, wireAmount } from '../http/amount.ts'
import { type Env, factory } from '../http/context.ts'
import { answer } from '../http/json-response.ts'
import { subject } from '../http/middleware/authorize.ts'
import * as field from '../http/schemas.ts'
import { json, param, query } from '../http/validate.ts'
import type { Monitor } from '../ledger/limits-and-alerts.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'

/** `/transactions/monitors`: tell me when my balance falls below, or rises above, so much. */
export function monitorRoutes({
  currency,
  guards,
  limitsAndAlerts,
}: Pick<RouteDeps, 'currency' | 'guards' | 'limitsAndAlerts'>) {
  const user = field.userId
    .exactOptional()
    .meta({ description: 'Default: the caller. Only an admin can name another user.' })
  const ofUser = query(z.strictObject({ userId: user }))

  const whose = (c: Context<Env>, named: string | undefined) =>
    subject(c.var.principal, named, c.var.principal.isAdmin)

  return factory
    .createApp()
    .get('/', guards.requireUser, ofUser, async (c) => {
      const monitors = await limitsAndAlerts.monitors(whose(c, c.req.valid('query').userId))
      return answer(c, { items: monitors.map(toWireMonitor) })
    })
    .put(
      '/',
      guards.requireUser,
      json(
        z.strictObject({
          threshold: field.amount,
          direction: z.enum(['below', 'above']),
          currency: field.currency.default(currency),
          userId: user,
        }),
      ),
      async (c) => {
        const { userId, threshold, ...rest } = c.req.valid('json')
        const minor = readAmount(threshold, rest.currency, { field: 'threshold', zero: true })
        const monitor = { ...rest, ...whose(c, userId), threshold: minor }
        const kept = await limitsAndAlerts.putMonitor(monitor)
        if (!kept) throw new ApiError(409, 'conflict', 'There are 20 monitors already.')
        return answer(c, toWireMonitor(kept))
      },
    )
    .delete('/', guards.requireUser, ofUser, async (c) => {
      const deleted = await limitsAndAlerts.deleteMonitors(whose(c, c.req.valid('query').userId))
      return answer(c, { deleted })
    })
    .delete(
      '/:id',
      guards.requireUser,
      param(z.object({ id: z.uuid('must be a UUID') })),
      ofUser,
      async (c) => {
        const who = whose(c, c.req.valid('query').userId)
        const deleted = await limitsAndAlerts.deleteMonitors(who, c.req.valid('param').id)
        if (deleted === 0) throw new ApiError(404, 'not_found', 'There is no such monitor.')
        return answer(c, { deleted })
      },
    )
}

function toWireMonitor({ tenant: _, threshold, ...rest }: Monitor) {
  return { ...rest, threshold: wireAmount(threshold, rest.currency) }
}
