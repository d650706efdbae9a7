import { z } from 'zod'
import { factory } from '../http/context.ts'
import { amountJson, answer, json, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { LIMITED_TYPES } from '../ledger/command.ts'
import type { SpendingLimit } from '../ledger/limits-and-alerts.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'

const limitedType = z.enum(LIMITED_TYPES)

/** `/transactions/limits`: the most that a user may spend at once, and within a time. */
export function limitRoutes({
  currency,
  guards,
  limitsAndAlerts,
}: Pick<RouteDeps, 'currency' | 'guards' | 'limitsAndAlerts'>) {
  const named = {
    userId: field.userId,
    type: limitedType,
    currency: field.currency.default(currency),
  }

  return factory
    .createApp()
    .get(
      '/',
      guards.requireAdmin,
      query(z.strictObject({ userId: field.userId.exactOptional() })),
      async (c) => {
        const { tenant } = c.var.principal
        const limits = await limitsAndAlerts.limits(tenant, c.req.valid('query').userId)
        return answer(c, { items: limits.map(limitJson) })
      },
    )
    .put(
      '/',
      guards.requireAdmin,
      json(
        z
          .strictObject({
            ...named,
            maxAmount: field.amount
              .exactOptional()
              .meta({ description: 'The largest single amount, in major units.' }),
            maxSum: field.amount
              .exactOptional()
              .meta({ description: 'The largest sum within `windowSeconds`, in major units.' }),
            windowSeconds: z
              .int()
              .min(1)
              .max(366 * 86_400)
              .exactOptional(),
          })
          .refine(
            ({ maxAmount, maxSum }) => maxAmount !== undefined || maxSum !== undefined,
            'Set maxAmount, or maxSum with windowSeconds, or both.',
          )
          .refine(
            ({ maxSum, windowSeconds }) => (maxSum === undefined) === (windowSeconds === undefined),
            'maxSum and windowSeconds must be set together.',
          ),
      ),
      async (c) => {
        const { maxAmount, maxSum, windowSeconds, ...rest } = c.req.valid('json')
        const read = (input: typeof maxAmount, name: string) =>
          input === undefined ? null : field.readAmount(input, rest.currency, { field: name })
        const limit = await limitsAndAlerts.putLimit({
          ...rest,
          tenant: c.var.principal.tenant,
          maxAmount: read(maxAmount, 'maxAmount'),
          maxSum: read(maxSum, 'maxSum'),
          windowSeconds: windowSeconds ?? null,
        })
        return answer(c, limitJson(limit))
      },
    )
    .delete('/', guards.requireAdmin, query(z.strictObject(named)), async (c) => {
      const { userId, type, currency } = c.req.valid('query')
      const { tenant } = c.var.principal
      const deleted = await limitsAndAlerts.deleteLimit({ tenant, userId }, type, currency)
      if (!deleted) throw new ApiError(404, 'not_found', 'There is no such limit.')
      return answer(c, { deleted: 1 })
    })
}

function limitJson({ tenant: _, maxAmount, maxSum, ...rest }: SpendingLimit) {
  const optional = (minor: bigint | null) =>
    minor === null ? null : amountJson(minor, rest.currency)
  return { ...rest, maxAmount: optional(maxAmount), maxSum: optional(maxSum) }
}
