import type { Context } from 'hono'
import * as z from 'zod'
import { type Env, factory } from '../http/context.ts'
import { answer, readJsonText, signedJson } from '../http/payload.ts'
import { ApiError } from '../lib/api-error.ts'
import { signedBody } from '../providers/signed-body.ts'
import type { RouteDeps } from './deps.ts'

/** Some events of Stripe carry a whole object with all its parts. */
const MAX_BODY_BYTES = 256 * 1024

const stripeEvent = z
  .looseObject({ id: z.string(), type: z.string(), data: z.looseObject({}) })
  .meta({ description: 'An event as Stripe sends it, with the header `Stripe-Signature`.' })

/** `/providers`: payment providers report what happened to payments. Their requests have a signature, and no token. */
export function providerRoutes({
  payments,
  limitByAddress,
}: Pick<RouteDeps, 'payments'> & { limitByAddress: ReturnType<typeof factory.createMiddleware> }) {
  async function receive(c: Context<Env>, provider: string) {
    if (!payments.has(provider)) {
      throw new ApiError(404, 'not_found', 'This payment provider is not configured.')
    }
    const body = await readJsonText(c, MAX_BODY_BYTES)
    const recorded = await payments.receive(provider, {
      body,
      header: (name) => c.req.header(name),
    })
    const { outcome = 'ignored', reason = null, repeated = false } = recorded ?? {}
    return answer(c, { outcome, reason, repeated })
  }

  return factory
    .createApp()
    .post('/stripe', limitByAddress, signedJson(stripeEvent), (c) => receive(c, 'stripe'))
    .post('/signed', limitByAddress, signedJson(signedBody), (c) => receive(c, 'signed'))
}
