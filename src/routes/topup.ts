import { z } from 'zod'
import { readAmount } from '../http/amount.ts'
import { factory } from '../http/context.ts'
import * as field from '../http/schemas.ts'
import { json, param, query } from '../http/validate.ts'
import type { RouteDeps } from './deps.ts'
import { perform } from './run-command.ts'
import { listing, toPage, toRequestPage } from './transaction-list.ts'

/** `/transactions/topup`: a user asks for money, an admin says yes or no. */
export function topupRoutes({
  currency,
  guards,
  executor,
  reader,
}: Pick<RouteDeps, 'currency' | 'guards' | 'executor' | 'reader'>) {
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
        return perform(
          c,
          executor,
          'topup_request',
          {
            ...body,
            userId: c.var.principal.userId,
            amount: readAmount(body.amount, body.currency),
          },
          201,
        )
      },
    )
    .get('/pending', guards.requireAdmin, query(listing.omit({ type: true, status: true })), (c) =>
      toRequestPage(c, reader, { ...c.req.valid('query'), types: ['topup'] }),
    )
    .get('/all', guards.requireAdmin, query(listing.omit({ type: true })), (c) =>
      toPage(c, reader, { ...c.req.valid('query'), type: 'topup' }),
    )
    .post(
      '/:id/cancel',
      guards.requireUser,
      param(z.object({ id: field.transactionId })),
      json(field.noFields),
      (c) => {
        const transactionId = c.req.valid('param').id
        const { userId } = c.var.principal
        return perform(c, executor, 'topup_cancel', { transactionId, userId }, 200)
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
        const transactionId = c.req.valid('param').id
        return perform(c, executor, 'topup_process', { transactionId, ...c.req.valid('json') }, 200)
      },
    )
}
