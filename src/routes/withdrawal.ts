import { z } from 'zod'
import { readAmount } from '../http/amount.ts'
import { factory } from '../http/context.ts'
import * as field from '../http/schemas.ts'
import { json, param } from '../http/validate.ts'
import type { RouteDeps } from './deps.ts'
import { perform } from './run-command.ts'

/** `/transactions/withdrawal`: the money is held at once, and leaves or comes back when an admin decides. */
export function withdrawalRoutes({
  currency,
  guards,
  executor,
}: Pick<RouteDeps, 'currency' | 'guards' | 'executor'>) {
  return factory
    .createApp()
    .post(
      '/',
      guards.requireUser,
      json(
        z.strictObject({
          amount: field.amount,
          currency: field.currency.default(currency),
          description: field.text(500).exactOptional(),
        }),
      ),
      (c) => {
        const body = c.req.valid('json')
        const { userId } = c.var.principal
        const amount = readAmount(body.amount, body.currency)
        return perform(c, executor, 'withdrawal_request', { ...body, userId, amount }, 201)
      },
    )
    .patch(
      '/:id/process',
      guards.requireAdmin,
      param(z.object({ id: field.transactionId })),
      json(
        z.strictObject({
          status: z.enum(['success', 'failed']),
          adminNotes: field.text(1000).exactOptional(),
        }),
      ),
      (c) => {
        const fields = { transactionId: c.req.valid('param').id, ...c.req.valid('json') }
        return perform(c, executor, 'withdrawal_process', fields, 200)
      },
    )
}
