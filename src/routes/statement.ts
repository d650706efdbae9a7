import { z } from 'zod'
import { factory } from '../http/context.ts'
import { answer } from '../http/json-response.ts'
import { subject } from '../http/middleware/authorize.ts'
import * as field from '../http/schemas.ts'
import { abortStalledDownload, UNREAD } from '../http/unread.ts'
import { param, query } from '../http/validate.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'
import { EXPORT_FORMATS, exportStream } from './export.ts'
import { toWireTransaction } from './transaction-json.ts'
import { filters, listing, ownListing, toPage } from './transaction-list.ts'

/** `/transactions`: what happened, one by one, in pages, or all of it as a file. */
export function statementRoutes({
  guards,
  reader,
  exportPatience = UNREAD,
  log,
}: Pick<RouteDeps, 'guards' | 'reader' | 'exportPatience' | 'log'>) {
  return factory
    .createApp()
    .get('/my-transactions', guards.requireUser, query(ownListing), (c) =>
      toPage(c, reader, { ...c.req.valid('query'), userId: c.var.principal.userId }),
    )
    .get('/all', guards.requireAdmin, query(listing), (c) =>
      toPage(c, reader, c.req.valid('query')),
    )
    .get(
      '/export',
      guards.requireUser,
      query(
        filters.extend({
          format: z.enum(['csv', 'ndjson']).default('csv'),
          userId: field.userId
            .exactOptional()
            .meta({ description: 'Default: the caller. Only an admin can name another user.' }),
        }),
      ),
      async (c) => {
        const { format, userId: named, ...filter } = c.req.valid('query')
        const { principal } = c.var
        const who = subject(principal, named, principal.isAdmin)
        const body = await exportStream(reader.statement({ ...filter, ...who }), format, (error) =>
          log.error({ err: error, requestId: c.var.requestId }, 'export broke off'),
        )
        abortStalledDownload(c, exportPatience, () =>
          log.info({ requestId: c.var.requestId }, 'an export was not read any more, and ended'),
        )
        const headers = {
          ...c.var.headers,
          'Content-Type': EXPORT_FORMATS[format],
          'Content-Disposition': `attachment; filename="transactions.${format}"`,
        }
        return c.body(body, 200, headers)
      },
    )
    .get('/:id', guards.requireUser, param(z.object({ id: field.transactionId })), async (c) => {
      const { tenant, userId, isAdmin } = c.var.principal
      const { id } = c.req.valid('param')
      const found = await reader.transaction(tenant, id, isAdmin ? undefined : userId)
      if (!found) throw new ApiError(404, 'not_found', 'There is no such transaction.')
      return answer(c, toWireTransaction(found))
    })
}
