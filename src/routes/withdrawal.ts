import * as z from 'zod'
import { factory } from '../http/context.ts'
import { json, param } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { RouteDeps } from './deps.ts'
import { runCommand } from './writes.ts'

/** `/transactions/withdrawal`: the money is held at once. An admin pays it out or releases it. */
export function withdrawalRoutes({
  currency,
  guards,
  executor,
}: Pick<RouteDeps, 'currency' | 'guards' | 'executor'>) {
  return factory
    .createApp()
    .post('/', guards.requireUser, json(z.strictObject(field.money(currency))), (c) => {
      const body = c.req.valid('json')
      const { userId } = c.var.principal
      const amount = field.readAmount(body.amount, body.currency)
      return runCommand(c, executor, 'withdrawal_request', { ...body, userId, amount }, 201)
    })
    .patch('/:id/process', guards.requireAdmin, param(field.byId), json(field.decision), (c) => {
      const fields = { transactionId: c.req.valid('param').id, ...c.req.valid('json') }
      return runCommand(c, executor, 'withdrawal_process', fields, 200)
    })
}
