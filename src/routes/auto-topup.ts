import type { Context } from 'hono'
import * as z from 'zod'
import { type Env, factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import { amountJson, answer, json, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { AutoTopup } from '../ledger/auto-topups.ts'
import { ApiError } from '../lib/api-error.ts'
import { asDeed, asDeedForOthers } from './deed.ts'
import type { RouteDeps } from './deps.ts'

/** `/transactions/auto-topup`: a topup that is asked for and paid by itself when the balance is low. */
export function autoTopupRoutes(
  deps: Pick<RouteDeps, 'currency' | 'guards' | 'autoTopups' | 'deeds' | 'log'>,
) {
  const { currency, guards, autoTopups } = deps
  const userId = field.onBehalfOf('an admin or a service')

  function userOf(c: Context<Env>, named: string | undefined) {
    const { isAdmin, isService } = c.var.principal
    return subject(c.var.principal, named, isAdmin || isService)
  }

  return factory
    .createApp()
    .get('/', guards.requireCaller, query(z.strictObject({ userId })), async (c) => {
      const user = userOf(c, c.req.valid('query').userId)
      const [rules, hasMethod] = await Promise.all([
        autoTopups.store.rules(user),
        autoTopups.store.hasMethod(user),
      ])
      return answer(c, { items: rules.map(ruleJson), hasMethod })
    })
    .put(
      '/',
      guards.requireCaller,
      json(
        z.strictObject({
          threshold: field.amount.meta({
            description: 'A topup is asked for when the balance is below this. Major units.',
          }),
          amount: field.amount,
          cap: field.amount.meta({ description: 'The largest sum within `periodSeconds`.' }),
          periodSeconds: z
            .int()
            .min(1)
            .max(366 * 86_400)
            .default(30 * 86_400),
          currency: field.currencyOr(currency),
          userId,
        }),
      ),
      async (c) => {
        const { userId, currency, periodSeconds, ...amounts } = c.req.valid('json')
        const read = (name: keyof typeof amounts) =>
          field.readAmount(amounts[name], currency, { field: name })
        const rule = {
          ...{ currency, periodSeconds, threshold: read('threshold') },
          ...{ amount: read('amount'), cap: read('cap') },
        }
        if (rule.cap < rule.amount) {
          throw new ApiError(400, 'invalid_amount', 'cap must be at least amount', {
            details: { field: 'cap' },
          })
        }
        const user = userOf(c, userId)
        return asDeedForOthers(c, deps, user, { deed: 'auto_topup_set' }, async (origin) => {
          const saved = await autoTopups.store.put(user, rule, origin)
          if (!saved) throw new ApiError(409, 'conflict', 'The user has no saved payment method.')
          return answer(c, ruleJson(saved))
        })
      },
    )
    .delete(
      '/',
      guards.requireCaller,
      query(z.strictObject({ currency: field.currencyOr(currency), userId })),
      async (c) => {
        const { currency, userId } = c.req.valid('query')
        const user = userOf(c, userId)
        const deed = { deed: 'auto_topup_delete', asked: { currency } } as const
        return asDeedForOthers(c, deps, user, deed, async (origin) => {
          if (!(await autoTopups.store.remove(user, currency, origin))) {
            throw new ApiError(404, 'not_found', 'There is no such auto top-up.')
          }
          return answer(c, { deleted: 1 })
        })
      },
    )
    .put(
      '/method',
      guards.requireAdminOrService,
      json(
        z.strictObject({
          userId: field.userId,
          customer: reference.meta({
            description: 'The provider’s id of the customer.',
            examples: ['cus_…'],
          }),
          paymentMethod: reference.meta({
            description: 'The provider’s id of a method that this customer has saved.',
            examples: ['pm_…'],
          }),
        }),
      ),
      async (c) => {
        const { userId, ...method } = c.req.valid('json')
        const { tenant, userId: by } = c.var.principal
        const { store, provider } = autoTopups
        return asDeed(c, deps, { deed: 'method_save', userId }, async (origin) => {
          if (provider === undefined) {
            throw new ApiError(409, 'conflict', 'No payment provider can charge a saved method.')
          }
          await store.saveMethod({ tenant, userId }, { provider, ...method }, by, origin)
          return answer(c, { userId, provider, ...method })
        })
      },
    )
    .delete('/method', guards.requireCaller, query(z.strictObject({ userId })), async (c) => {
      const user = userOf(c, c.req.valid('query').userId)
      return asDeedForOthers(c, deps, user, { deed: 'method_delete' }, async (origin) => {
        if (!(await autoTopups.store.removeMethod(user, origin))) {
          throw new ApiError(404, 'not_found', 'The user has no saved payment method.')
        }
        return answer(c, { deleted: 1 })
      })
    })
}

const reference = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be an id of the provider')

function ruleJson({ threshold, amount, cap, ...rule }: AutoTopup) {
  const { currency } = rule
  return {
    ...rule,
    threshold: amountJson(threshold, currency),
    amount: amountJson(amount, currency),
    cap: amountJson(cap, currency),
  }
}
