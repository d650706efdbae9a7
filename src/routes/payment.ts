import * as z from 'zod'
import { factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import { json, param } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { asDeed } from './deed.ts'
import type { RouteDeps } from './deps.ts'
import { readPartialAmount, runCommand, splitOf } from './writes.ts'

/** `/transactions`: payments, refunds, transfers and adjustments, final at once unless a second admin has to agree. */
export function paymentRoutes(
  deps: Pick<RouteDeps, 'currency' | 'guards' | 'executor' | 'reader' | 'deeds' | 'log'>,
) {
  const { currency, guards, executor, reader } = deps
  const money = field.money(currency)

  return factory
    .createApp()
    .post(
      '/',
      guards.requireUser,
      json(
        z.strictObject({
          type: z.literal('booking_payment'),
          ...money,
          ...field.reference,
          split: field.split,
          userId: field.onBehalfOf('a service'),
        }),
      ),
      (c) => {
        const { type: _, split, ...body } = c.req.valid('json')
        const { principal } = c.var
        const { userId } = subject(principal, body.userId, principal.isService)
        const amount = field.readAmount(body.amount, body.currency)
        const parts = splitOf(principal, { split }, body.currency)
        return runCommand(c, executor, 'payment', { ...body, userId, amount, ...parts }, 201)
      },
    )
    .post(
      '/transfer',
      guards.requireUser,
      json(z.strictObject({ toUserId: field.userId, ...money })),
      (c) => {
        const body = c.req.valid('json')
        const { userId } = c.var.principal
        const amount = field.readAmount(body.amount, body.currency)
        return runCommand(c, executor, 'transfer', { ...body, userId, amount }, 201)
      },
    )
    .post(
      '/adjustment',
      guards.requireAdmin,
      json(
        z.strictObject({
          userId: field.userId,
          ...money,
          amount: field.amount.meta({ description: 'Signed: negative takes money away.' }),
          description: field.reason,
        }),
      ),
      (c) => {
        const body = c.req.valid('json')
        const amount = field.readAmount(body.amount, body.currency, { signed: true })
        return runCommand(c, executor, 'adjustment', { ...body, amount }, 201)
      },
    )
    .patch(
      '/adjustment/:id/process',
      guards.requireAdmin,
      param(field.byId),
      json(field.decision),
      (c) => {
        const fields = { transactionId: c.req.valid('param').id, ...c.req.valid('json') }
        return runCommand(c, executor, 'adjustment_process', fields, 200)
      },
    )
    .patch(
      '/refund/:id/process',
      guards.requireAdmin,
      param(field.byId),
      json(field.decision),
      (c) => {
        const fields = { transactionId: c.req.valid('param').id, ...c.req.valid('json') }
        return runCommand(c, executor, 'refund_process', fields, 200)
      },
    )
    .post(
      '/:id/refund',
      guards.requireAdminOrService,
      param(field.byId),
      json(
        z.strictObject({
          amount: field.amount.exactOptional(),
          description: field.text(field.MAX_DESCRIPTION).exactOptional(),
          ...field.ofCommand,
        }),
      ),
      async (c) => {
        const transactionId = c.req.valid('param').id
        const { amount, ...rest } = c.req.valid('json')
        const deed = { deed: 'refund', target: transactionId } as const
        const part = await asDeed(c, deps, deed, () =>
          readPartialAmount(reader, c.var.principal, transactionId, amount),
        )
        return runCommand(c, executor, 'refund', { transactionId, ...rest, ...part }, 201)
      },
    )
}
