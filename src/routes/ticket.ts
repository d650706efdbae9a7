import { factory } from '../http/context.ts'
import { noFields } from '../http/schemas.ts'
import { json } from '../http/validate.ts'
import type { RouteDeps } from './deps.ts'
import { once } from './idempotent.ts'

/** `/balance/ticket`: a stand-in for the token where it would have to be part of a URL. */
export function ticketRoutes({
  guards,
  tickets,
  idempotency,
}: Pick<RouteDeps, 'guards' | 'tickets' | 'idempotency'>) {
  return factory
    .createApp()
    .post('/ticket', guards.requireUserToConnect, json(noFields), (c) =>
      once(c, idempotency, () => tickets.issue(c.var.principal), 201),
    )
}
