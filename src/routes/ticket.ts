import { answer } from '../http/answer.ts'
import { factory } from '../http/env.ts'
import { noFields } from '../http/fields.ts'
import { json } from '../http/validate.ts'
import type { RouteDeps } from './deps.ts'

/** `/balance/ticket`: a stand-in for the token where it would have to be part of a URL. */
export function ticketRoutes({ guards, tickets }: Pick<RouteDeps, 'guards' | 'tickets'>) {
  return factory
    .createApp()
    .post('/ticket', guards.requireUser, json(noFields), async (c) =>
      answer(c, await tickets.issue(c.var.principal), 201),
    )
}
