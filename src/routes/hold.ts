import { z } from 'zod'
import type { Principal } from '../auth/principal.ts'
import { factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import { json, param } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { RouteDeps } from './deps.ts'
import { readPartialAmount, runCommand } from './writes.ts'

const DEFAULT_EXPIRY_SECONDS = 900
const MAX_EXPIRY_SECONDS = 366 * 86_400

export const expiresIn = z
  .int()
  .min(1)
  .max(MAX_EXPIRY_SECONDS)
  .default(DEFAULT_EXPIRY_SECONDS)
  .meta({ description: 'Seconds until the hold expires. Default 900.' })

/** `/transactions/hold`: payment in two phases. */
export function holdRoutes({
  currency,
  guards,
  executor,
  reader,
}: Pick<RouteDeps, 'currency' | 'guards' | 'executor' | 'reader'>) {
  /** A user can only end their own holds. A service can end any hold of its tenant. */
  const ownerFilter = ({ userId, isService }: Principal) => (isService ? {} : { userId })

  return factory
    .createApp()
    .post(
      '/',
      guards.requireUser,
      json(
        z.strictObject({
          ...field.money(currency),
          ...field.reference,
          expiresIn,
          userId: field.onBehalfOf('a service'),
        }),
      ),
      (c) => {
        const body = c.req.valid('json')
        const { principal } = c.var
        const { userId } = subject(principal, body.userId, principal.isService)
        const amount = field.readAmount(body.amount, body.currency)
        return runCommand(c, executor, 'hold', { ...body, userId, amount }, 201)
      },
    )
    .post(
      '/:id/capture',
      guards.requireUser,
      param(field.byId),
      json(z.strictObject({ amount: field.amount.exactOptional(), ...field.ofCommand })),
      async (c) => {
        const transactionId = c.req.valid('param').id
        const { amount, ...rest } = c.req.valid('json')
        const { principal } = c.var
        const owner = ownerFilter(principal)
        const part = await readPartialAmount(reader, principal, transactionId, amount, owner.userId)
        const fields = { transactionId, ...rest, ...owner, ...part }
        return runCommand(c, executor, 'hold_capture', fields, 200)
      },
    )
    .post('/:id/void', guards.requireUser, param(field.byId), json(field.onlyOfCommand), (c) => {
      const transactionId = c.req.valid('param').id
      const fields = { transactionId, ...c.req.valid('json'), ...ownerFilter(c.var.principal) }
      return runCommand(c, executor, 'hold_void', fields, 200)
    })
}
