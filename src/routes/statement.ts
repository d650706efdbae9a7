import * as z from 'zod'
import { factory } from '../http/context.ts'
import { refusal } from '../http/errors.ts'
import { isOwn, subject } from '../http/middleware/authorize.ts'
import { answer, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { originOf } from './deed.ts'
import type { RouteDeps } from './deps.ts'
import { answerExport, transactionLines } from './export.ts'
import {
  answerPage,
  listQuery,
  ownListQuery,
  transactionFilters,
  transactionJson,
} from './transaction-json.ts'

/** `/transactions`: one transaction, pages of them, or all as a file. */
export function statementRoutes(
  deps: Pick<RouteDeps, 'guards' | 'reader' | 'deeds' | 'stalledDownloadTimeoutMs' | 'log'>,
) {
  const { guards, reader, deeds } = deps
  return factory
    .createApp()
    .get('/my-transactions', guards.requireUser, query(ownListQuery), (c) =>
      answerPage(c, reader, { ...c.req.valid('query'), userId: c.var.principal.userId }),
    )
    .get('/all', guards.requireAdmin, query(listQuery), (c) =>
      answerPage(c, reader, c.req.valid('query')),
    )
    .get(
      '/export',
      guards.requireCaller,
      query(
        transactionFilters.extend({
          format: z.enum(['csv', 'ndjson']).default('csv'),
          userId: field.onBehalfOf('an admin'),
        }),
      ),
      async (c) => {
        const { format, userId: named, ...filter } = c.req.valid('query')
        const { principal } = c.var
        const user = subject(principal, named, principal.isAdmin)
        if (!isOwn(principal, user)) {
          const asked = { format, ...filter }
          await deeds.note(originOf(c), { deed: 'statement_export', userId: user.userId, asked })
        }
        return answerExport(c, deps, reader.statement({ ...filter, ...user }), {
          ...transactionLines(format),
          name: 'transactions',
        })
      },
    )
    .get('/:id', guards.requireCaller, param(field.byId), async (c) => {
      const { tenant, userId, isAdmin } = c.var.principal
      const { id } = c.req.valid('param')
      const found = await reader.transaction(tenant, id, isAdmin ? undefined : userId)
      if (!found) throw refusal('not_found')
      return answer(c, transactionJson(found, c.var.principal))
    })
}
