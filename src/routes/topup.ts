import * as z from 'zod'
import { factory } from '../http/context.ts'
import { json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { RouteDeps } from './deps.ts'
import { answerPage, answerRequestPage, listQuery, waitingFor } from './transaction-json.ts'
import { runCommand } from './writes.ts'

/** `/transactions/topup`: a user asks for money, and an admin, a service or a payment provider settles it. */
export function topupRoutes({
  currency,
  guards,
  executor,
  reader,
  payments,
}: Pick<RouteDeps, 'currency' | 'guards' | 'executor' | 'reader' | 'payments'>) {
  return factory
    .createApp()
    .post('/', guards.requireUser, json(z.strictObject(field.money(currency))), (c) => {
      const body = c.req.valid('json')
      const { userId } = c.var.principal
      const amount = field.readAmount(body.amount, body.currency)
      const fields = { ...body, userId, amount }
      return runCommand(c, executor, 'topup_request', fields, 201, async (topup) =>
        body.dryRun ? {} : await payments.start(topup),
      )
    })
    .get(
      '/pending',
      guards.requireAdmin,
      query(listQuery.omit({ type: true, status: true }).extend({ waitingFor })),
      (c) => answerRequestPage(c, reader, { ...c.req.valid('query'), types: ['topup'] }),
    )
    .get('/all', guards.requireAdmin, query(listQuery.omit({ type: true })), (c) =>
      answerPage(c, reader, { ...c.req.valid('query'), type: 'topup' }),
    )
    .post('/:id/cancel', guards.requireUser, param(field.byId), json(field.onlyOfCommand), (c) => {
      const transactionId = c.req.valid('param').id
      const { userId } = c.var.principal
      const fields = { transactionId, userId, ...c.req.valid('json') }
      return runCommand(c, executor, 'topup_cancel', fields, 200)
    })
    .patch(
      '/:id/process',
      guards.requireAdminOrService,
      param(field.byId),
      json(field.decision),
      (c) => {
        const fields = { transactionId: c.req.valid('param').id, ...c.req.valid('json') }
        return runCommand(c, executor, 'topup_process', fields, 200)
      },
    )
}
