import type { Context } from 'hono'
import * as z from 'zod'
import { type Env, factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import { amountJson, answer, json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { Monitor } from '../ledger/limits-and-alerts.ts'
import { ApiError } from '../lib/api-error.ts'
import { asDeedForOthers } from './deed.ts'
import type { RouteDeps } from './deps.ts'

/** `/transactions/monitors`: a client gets `balance_alert` when the balance crosses a threshold. */
export function monitorRoutes(
  deps: Pick<RouteDeps, 'currency' | 'guards' | 'limitsAndAlerts' | 'deeds' | 'log'>,
) {
  const { currency, guards, limitsAndAlerts } = deps
  const userId = field.onBehalfOf('an admin')
  const ofUser = query(z.strictObject({ userId }))

  const userOf = (c: Context<Env>, named: string | undefined) =>
    subject(c.var.principal, named, c.var.principal.isAdmin)

  return factory
    .createApp()
    .get('/', guards.requireCaller, ofUser, async (c) => {
      const monitors = await limitsAndAlerts.monitors(userOf(c, c.req.valid('query').userId))
      return answer(c, { items: monitors.map(monitorJson) })
    })
    .put(
      '/',
      guards.requireCaller,
      json(
        z.strictObject({
          threshold: field.amount,
          direction: z.enum(['below', 'above']),
          currency: field.currencyOr(currency),
          userId,
        }),
      ),
      async (c) => {
        const { userId, threshold, ...rest } = c.req.valid('json')
        const minor = field.readAmount(threshold, rest.currency, { field: 'threshold', zero: true })
        const user = userOf(c, userId)
        const monitor = { ...rest, ...user, threshold: minor }
        return asDeedForOthers(c, deps, user, { deed: 'monitor_set' }, async (origin) => {
          const saved = await limitsAndAlerts.putMonitor(monitor, origin)
          if (!saved) throw new ApiError(409, 'conflict', 'The user already has 20 monitors.')
          return answer(c, monitorJson(saved))
        })
      },
    )
    .delete('/', guards.requireCaller, ofUser, async (c) => {
      const user = userOf(c, c.req.valid('query').userId)
      return asDeedForOthers(c, deps, user, { deed: 'monitor_delete' }, async (origin) =>
        answer(c, { deleted: await limitsAndAlerts.deleteMonitors(user, undefined, origin) }),
      )
    })
    .delete('/:id', guards.requireCaller, param(field.byId), ofUser, async (c) => {
      const user = userOf(c, c.req.valid('query').userId)
      const { id } = c.req.valid('param')
      const deed = { deed: 'monitor_delete', target: id } as const
      return asDeedForOthers(c, deps, user, deed, async (origin) => {
        const deleted = await limitsAndAlerts.deleteMonitors(user, id, origin)
        if (deleted === 0) throw new ApiError(404, 'not_found', 'There is no such monitor.')
        return answer(c, { deleted })
      })
    })
}

export function monitorJson({ tenant: _, threshold, ...rest }: Monitor) {
  return { ...rest, threshold: amountJson(threshold, rest.currency) }
}
