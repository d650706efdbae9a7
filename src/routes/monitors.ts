import type { Context } from 'hono'
import { z } from 'zod'
import { type Env, factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import { amountJson, answer, json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { Monitor } from '../ledger/limits-and-alerts.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'

/** `/transactions/monitors`: a client gets `balance_alert` when the balance crosses a threshold. */
export function monitorRoutes({
  currency,
  guards,
  limitsAndAlerts,
}: Pick<RouteDeps, 'currency' | 'guards' | 'limitsAndAlerts'>) {
  const userId = field.onBehalfOf('an admin')
  const ofUser = query(z.strictObject({ userId }))

  const userOf = (c: Context<Env>, named: string | undefined) =>
    subject(c.var.principal, named, c.var.principal.isAdmin)

  return factory
    .createApp()
    .get('/', guards.requireUser, ofUser, async (c) => {
      const monitors = await limitsAndAlerts.monitors(userOf(c, c.req.valid('query').userId))
      return answer(c, { items: monitors.map(monitorJson) })
    })
    .put(
      '/',
      guards.requireUser,
      json(
        z.strictObject({
          threshold: field.amount,
          direction: z.enum(['below', 'above']),
          currency: field.currency.default(currency),
          userId,
        }),
      ),
      async (c) => {
        const { userId, threshold, ...rest } = c.req.valid('json')
        const minor = field.readAmount(threshold, rest.currency, { field: 'threshold', zero: true })
        const monitor = { ...rest, ...userOf(c, userId), threshold: minor }
        const saved = await limitsAndAlerts.putMonitor(monitor)
        if (!saved) throw new ApiError(409, 'conflict', 'The user already has 20 monitors.')
        return answer(c, monitorJson(saved))
      },
    )
    .delete('/', guards.requireUser, ofUser, async (c) => {
      const deleted = await limitsAndAlerts.deleteMonitors(userOf(c, c.req.valid('query').userId))
      return answer(c, { deleted })
    })
    .delete('/:id', guards.requireUser, param(field.byId), ofUser, async (c) => {
      const user = userOf(c, c.req.valid('query').userId)
      const deleted = await limitsAndAlerts.deleteMonitors(user, c.req.valid('param').id)
      if (deleted === 0) throw new ApiError(404, 'not_found', 'There is no such monitor.')
      return answer(c, { deleted })
    })
}

function monitorJson({ tenant: _, threshold, ...rest }: Monitor) {
  return { ...rest, threshold: amountJson(threshold, rest.currency) }
}
