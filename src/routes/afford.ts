import * as z from 'zod'
import { factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import { amountJson, answer, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { LIMITED_TYPES } from '../ledger/command.ts'
import type { RouteDeps } from './deps.ts'

/** `/transactions/can-afford`: the ledger's decision on a debit, without the debit. */
export function affordRoutes({
  currency,
  guards,
  reader,
}: Pick<RouteDeps, 'currency' | 'guards' | 'reader'>) {
  return factory.createApp().get(
    '/can-afford',
    guards.requireCaller,
    query(
      z.strictObject({
        amount: field.amount,
        currency: field.currencyOr(currency),
        type: z
          .enum(LIMITED_TYPES)
          .default('booking_payment')
          .meta({ description: 'Spending limits differ by type.' }),
        userId: field.onBehalfOf('an admin or a service'),
      }),
    ),
    async (c) => {
      const { userId, ...asked } = c.req.valid('query')
      const { principal } = c.var
      const user = subject(principal, userId, principal.isAdmin || principal.isService)
      const amount = field.readAmount(asked.amount, asked.currency)
      const { available, ...decision } = await reader.canAfford(user, { ...asked, amount })
      return answer(c, {
        ok: decision.reason === undefined,
        ...decision,
        available: amountJson(available, asked.currency),
        currency: asked.currency,
      })
    },
  )
}
