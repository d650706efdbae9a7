import { factory } from '../http/context.ts'
import { json } from '../http/payload.ts'
import { noFields } from '../http/schemas.ts'
import type { RouteDeps } from './deps.ts'
import { idempotent } from './writes.ts'

/** `/balance/ticket`: replaces the token in URLs, for clients that cannot set headers. */
export function ticketRoutes({
  guards,
  tickets,
  idempotency,
}: Pick<RouteDeps, 'guards' | 'tickets' | 'idempotency'>) {
  return factory
    .createApp()
    .post('/ticket', guards.requireUserToConnect, json(noFields), (c) =>
      idempotent(c, idempotency, () => tickets.issue(c.var.principal), 201),
    )
}
