import { z } from 'zod'
import { factory } from '../http/context.ts'
import { refusal } from '../http/errors.ts'
import { subject } from '../http/middleware/authorize.ts'
import { abortStalledDownload, STALLED_DOWNLOAD_TIMEOUT_MS } from '../http/middleware/deadline.ts'
import { answer, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { RouteDeps } from './deps.ts'
import { EXPORT_FORMATS, exportStream } from './export.ts'
import {
  answerPage,
  listQuery,
  ownListQuery,
  transactionFilters,
  transactionJson,
} from './transaction-json.ts'

/** `/transactions`: one transaction, pages of them, or all as a file. */
export function statementRoutes({
  guards,
  reader,
  stalledDownloadTimeoutMs = STALLED_DOWNLOAD_TIMEOUT_MS,
  log,
}: Pick<RouteDeps, 'guards' | 'reader' | 'stalledDownloadTimeoutMs' | 'log'>) {
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
      guards.requireUser,
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
        const body = await exportStream(reader.statement({ ...filter, ...user }), format, (error) =>
          log.error({ err: error, requestId: c.var.requestId }, 'an export failed'),
        )
        abortStalledDownload(c, stalledDownloadTimeoutMs, () =>
          log.info(
            { requestId: c.var.requestId },
            'an export was aborted, because its client stopped reading',
          ),
        )
        const headers = {
          ...c.var.headers,
          'Content-Type': EXPORT_FORMATS[format],
          'Content-Disposition': `attachment; filename="transactions.${format}"`,
        }
        return c.body(body, 200, headers)
      },
    )
    .get('/:id', guards.requireUser, param(field.byId), async (c) => {
      const { tenant, userId, isAdmin } = c.var.principal
      const { id } = c.req.valid('param')
      const found = await reader.transaction(tenant, id, isAdmin ? undefined : userId)
      if (!found) throw refusal('not_found')
      return answer(c, transactionJson(found))
    })
}
