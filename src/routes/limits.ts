import * as z from 'zod'
import { factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import { amountJson, answer, json, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { LIMITED_TYPES } from '../ledger/command.ts'
import type { LimitUsage, SpendingLimit } from '../ledger/limits-and-alerts.ts'
import { ApiError } from '../lib/api-error.ts'
import { asDeed, originOf } from './deed.ts'
import type { RouteDeps } from './deps.ts'

const limitedType = z.enum(LIMITED_TYPES)

/** What a spending limit bounds, of a user or of a whole tenant. */
export const limitBounds = {
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
}

type Bounds = { [Name in keyof typeof limitBounds]?: unknown }

/** For `refine`. */
export const LIMIT_RULES = {
  bounded: [
    ({ maxAmount, maxSum }: Bounds) => maxAmount !== undefined || maxSum !== undefined,
    'Set maxAmount, or maxSum with windowSeconds, or both.',
  ],
  windowed: [
    ({ maxSum, windowSeconds }: Bounds) => (maxSum === undefined) === (windowSeconds === undefined),
    'maxSum and windowSeconds must be set together.',
  ],
} as const

/** `/transactions/limits`: the most that a user may spend at once, and within a time. */
export function limitRoutes(
  deps: Pick<RouteDeps, 'currency' | 'guards' | 'limitsAndAlerts' | 'deeds' | 'log'>,
) {
  const { currency, guards, limitsAndAlerts } = deps
  const named = {
    userId: field.userId,
    type: limitedType,
    currency: field.currencyOr(currency),
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
    .get(
      '/usage',
      guards.requireCaller,
      query(z.strictObject({ userId: field.onBehalfOf('an admin or a service') })),
      async (c) => {
        const { principal } = c.var
        const { userId } = c.req.valid('query')
        const user = subject(principal, userId, principal.isAdmin || principal.isService)
        const limits = await limitsAndAlerts.usage(user)
        return answer(c, { items: limits.map(usageJson) })
      },
    )
    .put(
      '/',
      guards.requireAdmin,
      json(
        z
          .strictObject({ ...named, ...limitBounds })
          .refine(...LIMIT_RULES.bounded)
          .refine(...LIMIT_RULES.windowed),
      ),
      async (c) => {
        const { maxAmount, maxSum, windowSeconds, ...rest } = c.req.valid('json')
        const read = (input: typeof maxAmount, name: string) =>
          input === undefined ? null : field.readAmount(input, rest.currency, { field: name })
        const limit = await limitsAndAlerts.putLimit(
          {
            ...rest,
            tenant: c.var.principal.tenant,
            maxAmount: read(maxAmount, 'maxAmount'),
            maxSum: read(maxSum, 'maxSum'),
            windowSeconds: windowSeconds ?? null,
          },
          originOf(c),
        )
        return answer(c, limitJson(limit))
      },
    )
    .delete('/', guards.requireAdmin, query(z.strictObject(named)), async (c) => {
      const { userId, type, currency } = c.req.valid('query')
      const { tenant } = c.var.principal
      const deed = { deed: 'limit_delete', userId, asked: { type, currency } } as const
      await asDeed(c, deps, deed, async (origin) => {
        const who = { tenant, userId }
        if (await limitsAndAlerts.deleteLimit(who, type, currency, origin)) return
        throw new ApiError(404, 'not_found', 'There is no such limit.')
      })
      return answer(c, { deleted: 1 })
    })
}

function limitJson({ tenant: _, maxAmount, maxSum, ...rest }: SpendingLimit) {
  const { currency } = rest
  return { ...rest, maxAmount: optional(maxAmount, currency), maxSum: optional(maxSum, currency) }
}

export function usageJson({ maxAmount, maxSum, used, freesAmount, ...rest }: LimitUsage) {
  const { currency } = rest
  const left = maxSum === null || used === null ? null : maxSum > used ? maxSum - used : 0n
  return {
    ...rest,
    maxAmount: optional(maxAmount, currency),
    maxSum: optional(maxSum, currency),
    used: optional(used, currency),
    left: optional(left, currency),
    freesAmount: optional(freesAmount, currency),
  }
}

const optional = (minor: bigint | null, currency: string) =>
  minor === null ? null : amountJson(minor, currency)
