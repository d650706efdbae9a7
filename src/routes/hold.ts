import { z } from 'zod'
import type { Principal } from '../auth/principal.ts'
import { readAmount } from '../http/amount.ts'
import { factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import * as field from '../http/schemas.ts'
import { json, param } from '../http/validate.ts'
import type { RouteDeps } from './deps.ts'
import { readPart } from './partial-amount.ts'
import { perform } from './run-command.ts'

/** Seconds that a hold stands when the request does not say, and the most it may. */
const DEFAULT_EXPIRY = 900
const LONGEST_EXPIRY = 366 * 86_400

/** `/transactions/hold`: payment in two phases. */
export function holdRoutes({
  currency,
  guards,
  executor,
  reader,
}: Pick<RouteDeps, 'currency' | 'guards' | 'executor' | 'reader'>) {
  const byId = param(z.object({ id: field.transactionId }))

  /** A service ends any hold of its tenant; a user only their own. */
  const own = ({ userId, isService }: Principal) => (isService ? {} : { userId })

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
          referenceId: field.text(200).exactOptional(),
          referenceType: field.text(200).exactOptional(),
          expiresIn: z
            .int()
            .min(1)
            .max(LONGEST_EXPIRY)
            .default(DEFAULT_EXPIRY)
            .meta({ description: 'Seconds until the hold expires. Default 900.' }),
          userId: field.userId
            .exactOptional()
            .meta({ description: 'Default: the caller. Only a service can name another user.' }),
        }),
      ),
      (c) => {
        const body = c.req.valid('json')
        const { principal } = c.var
        const { userId } = subject(principal, body.userId, principal.isService)
        const amount = readAmount(body.amount, body.currency)
        return perform(c, executor, 'hold', { ...body, userId, amount }, 201)
      },
    )
    .post(
      '/:id/capture',
      guards.requireUser,
      byId,
      json(z.strictObject({ amount: field.amount.exactOptional() })),
      async (c) => {
        const transactionId = c.req.valid('param').id
        const { principal } = c.var
        const owner = own(principal)
        const part = await readPart(
          reader,
          principal,
          transactionId,
          c.req.valid('json').amount,
          owner.userId,
        )
        return perform(c, executor, 'hold_capture', { transactionId, ...owner, ...part }, 200)
      },
    )
    .post('/:id/void', guards.requireUser, byId, json(field.noFields), (c) => {
      const transactionId = c.req.valid('param').id
      return perform(c, executor, 'hold_void', { transactionId, ...own(c.var.principal) }, 200)
    })
}
