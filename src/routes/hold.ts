import * as z from 'zod'
import type { Principal } from '../auth/principal.ts'
import { factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import { json, param } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { OVERAGES } from '../ledger/event.ts'
import type { RouteDeps } from './deps.ts'
import { readPartialAmount, runCommand, splitOfHold } from './writes.ts'

const DEFAULT_EXPIRY_SECONDS = 900
const MAX_EXPIRY_SECONDS = 366 * 86_400

export const expiresIn = z
  .int()
  .min(1)
  .max(MAX_EXPIRY_SECONDS)
  .default(DEFAULT_EXPIRY_SECONDS)
  .meta({ description: 'Seconds until the hold expires. Default 900.' })

export const overage = z.enum(OVERAGES).exactOptional().meta({
  description:
    'A capture above the rest of the hold is refused (`refuse`, the default), or takes the missing amount from the available balance (`balance`).',
})

export const final = z.boolean().exactOptional().meta({
  description:
    'False: more captures follow. They are counted, and charged as one payment when the hold ends. Default true.',
})

/** What a hold is extended by. */
export const extension = {
  amount: field.amount.exactOptional(),
  expiresIn: z.int().min(1).max(MAX_EXPIRY_SECONDS).exactOptional().meta({
    description:
      'Seconds from now until the hold expires. An earlier end than before changes nothing.',
  }),
}

/** For `refine`: an extension has one of them. */
export const isExtension = [
  (asked: { amount?: unknown; expiresIn?: unknown }) =>
    asked.amount !== undefined || asked.expiresIn !== undefined,
  'must have an amount or expiresIn',
] as const

/** `/transactions/hold`: payment in two phases. */
export function holdRoutes({
  currency,
  guards,
  executor,
  reader,
}: Pick<RouteDeps, 'currency' | 'guards' | 'executor' | 'reader'>) {
  /** A user can only end their own holds. A service can end any hold of its tenant. */
  const ownerFilter = ({ userId, isService }: Principal) => (isService ? {} : { userId })

  /** The fields of a command that names a hold and may name an amount. */
  async function fieldsOf<Body extends { amount?: field.AmountInput }>(
    principal: Principal,
    transactionId: string,
    { amount, ...rest }: Body,
  ) {
    const owner = ownerFilter(principal)
    const part = await readPartialAmount(reader, principal, transactionId, amount, owner.userId)
    return { transactionId, ...rest, ...owner, ...part }
  }

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
          overage,
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
      json(
        z
          .strictObject({
            amount: field.amount.exactOptional(),
            final,
            ...field.captured,
            ...field.ofCommand,
          })
          .refine(...field.isCaptured),
      ),
      async (c) => {
        const { to, split, ...body } = c.req.valid('json')
        const { id } = c.req.valid('param')
        const { principal } = c.var
        const parts = await splitOfHold(reader, principal, id, { to, split })
        const fields = { ...(await fieldsOf(principal, id, body)), ...parts }
        return runCommand(c, executor, 'hold_capture', fields, 200)
      },
    )
    .post(
      '/:id/extend',
      guards.requireUser,
      param(field.byId),
      json(z.strictObject({ ...extension, ...field.ofCommand }).refine(...isExtension)),
      async (c) => {
        const fields = await fieldsOf(c.var.principal, c.req.valid('param').id, c.req.valid('json'))
        return runCommand(c, executor, 'hold_extend', fields, 200)
      },
    )
    .post('/:id/void', guards.requireUser, param(field.byId), json(field.onlyOfCommand), (c) => {
      const transactionId = c.req.valid('param').id
      const fields = { transactionId, ...c.req.valid('json'), ...ownerFilter(c.var.principal) }
      return runCommand(c, executor, 'hold_void', fields, 200)
    })
}
