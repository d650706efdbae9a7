import { z } from 'zod'
import { readAmount } from '../http/amount.ts'
import { factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import * as field from '../http/schemas.ts'
import { json, param } from '../http/validate.ts'
import type { RouteDeps } from './deps.ts'
import { readPart } from './partial-amount.ts'
import { perform } from './run-command.ts'

/** `/transactions`: payments, refunds, transfers and adjustments, each settled at once. */
export function paymentRoutes({
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
          type: z.literal('booking_payment'),
          amount: field.amount,
          currency: field.currency.default(currency),
          referenceId: field.text(200).exactOptional(),
          referenceType: field.text(200).exactOptional(),
          description: field.text(500).exactOptional(),
          userId: field.userId
            .exactOptional()
            .meta({ description: 'Default: the caller. Only a service can name another user.' }),
        }),
      ),
      (c) => {
        const { type: _, ...body } = c.req.valid('json')
        const { principal } = c.var
        const { userId } = subject(principal, body.userId, principal.isService)
        const amount = readAmount(body.amount, body.currency)
        return perform(c, executor, 'payment', { ...body, userId, amount }, 201)
      },
    )
    .post(
      '/transfer',
      guards.requireUser,
      json(
        z.strictObject({
          toUserId: field.userId,
          amount: field.amount,
          currency: field.currency.default(currency),
          description: field.text(500).exactOptional(),
        }),
      ),
      (c) => {
        const body = c.req.valid('json')
        const { userId } = c.var.principal
        const amount = readAmount(body.amount, body.currency)
        return perform(c, executor, 'transfer', { ...body, userId, amount }, 201)
      },
    )
    .post(
      '/adjustment',
      guards.requireAdmin,
      json(
        z.strictObject({
          userId: field.userId,
          amount: field.amount.meta({ description: 'Signed: negative takes money away.' }),
          currency: field.currency.default(currency),
          description: field.text(500).refine((reason) => reason.trim() !== '', 'must say why'),
        }),
      ),
      (c) => {
        const body = c.req.valid('json')
        const amount = readAmount(body.amount, body.currency, { signed: true })
        return perform(c, executor, 'adjustment', { ...body, amount }, 201)
      },
    )
    .post(
      '/:id/refund',
      guards.requireAdminOrService,
      param(z.object({ id: field.transactionId })),
      json(
        z.strictObject({
          amount: field.amount.exactOptional(),
          description: field.text(500).exactOptional(),
        }),
      ),
      async (c) => {
        const transactionId = c.req.valid('param').id
        const { amount, ...rest } = c.req.valid('json')
        const part = await readPart(reader, c.var.principal, transactionId, amount)
        return perform(c, executor, 'refund', { transactionId, ...rest, ...part }, 201)
      },
    )
}
