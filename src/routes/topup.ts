import { z } from 'zod'
import { factory } from '../http/context.ts'
import { json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { RouteDeps } from './deps.ts'
import { answerPage, answerRequestPage, listQuery } from './transaction-json.ts'
import { runCommand } from './writes.ts'

/** `/transactions/topup`: a user asks for money, and an admin approves or rejects it. */
export function topupRoutes({
  currency,
  guards,
  executor,
  reader,
}: Pick<RouteDeps, 'currency' | 'guards' | 'executor' | 'reader'>) {
  return factory
    .createApp()
    .post('/', guards.requireUser, json(z.strictObject(field.money(currency))), (c) => {
      const body = c.req.valid('json')
      const { userId } = c.var.principal
      const amount = field.readAmount(body.amount, body.currency)
      return runCommand(c, executor, 'topup_request', { ...body, userId, amount }, 201)
    })
    .get(
      '/pending',
      guards.requireAdmin,
      query(listQuery.omit({ type: true, status: true })),
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
    .patch('/:id/process', guards.requireAdmin, param(field.byId), json(field.decision), (c) => {
      const fields = { transactionId: c.req.valid('param').id, ...c.req.valid('json') }
      return runCommand(c, executor, 'topup_process', fields, 200)
    })
}
