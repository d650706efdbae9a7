import * as z from 'zod'
import { factory } from '../http/context.ts'
import { answer, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { DEEDS, type Deed } from '../ledger/deed.ts'
import { stringifyJson } from '../lib/json.ts'
import { originOf } from './deed.ts'
import type { RouteDeps } from './deps.ts'
import { answerExport, cell } from './export.ts'

const MAX_TARGET = 255

const filters = z.strictObject({
  actor: field.userId.exactOptional().meta({ description: 'Only what this one did.' }),
  deed: z.enum(DEEDS).exactOptional(),
  target: field.text(MAX_TARGET).exactOptional().meta({
    description:
      'Only what concerns this user, or has this id as its `target`: of a transaction, a webhook, a revocation.',
  }),
  result: z.enum(['done', 'refused']).exactOptional(),
  from: field.instant.exactOptional().meta({ description: 'Inclusive.' }),
  to: field.instant.exactOptional().meta({ description: 'Exclusive.' }),
})

/** `/admin/deeds`: what admins, services and operators did in the tenant, and what they were refused. */
export function deedRoutes(
  deps: Pick<RouteDeps, 'guards' | 'deeds' | 'stalledDownloadTimeoutMs' | 'log'>,
) {
  const { guards, deeds } = deps
  return factory
    .createApp()
    .get(
      '/',
      guards.requireAdmin,
      query(
        filters.extend({
          cursor: field.transactionId
            .exactOptional()
            .meta({ description: 'The `nextCursor` of the page before.' }),
          limit: field.pageLimit,
          order: z
            .enum(['asc', 'desc'])
            .default('desc')
            .meta({ description: '`asc` for oldest first, `desc` for newest first.' }),
        }),
      ),
      async (c) => {
        const { tenant } = c.var.principal
        return answer(c, await deeds.list({ tenant, ...c.req.valid('query') }))
      },
    )
    .get(
      '/export',
      guards.requireAdmin,
      query(filters.extend({ format: z.enum(['csv', 'ndjson']).default('csv') })),
      async (c) => {
        const { format, ...filter } = c.req.valid('query')
        const { tenant } = c.var.principal
        // Before the first byte is sent: nobody takes a copy that is not on record.
        await deeds.note(originOf(c), { deed: 'deeds_export', asked: { format, ...filter } })
        return answerExport(c, deps, deeds.all({ tenant, ...filter }), {
          ...{ format, name: 'deeds', header: `${Object.keys(COLUMNS).join(',')}\r\n` },
          line: format === 'csv' ? csvRow : (deed) => `${stringifyJson(deed)}\n`,
        })
      },
    )
}

const json = (value: unknown) => cell(value === undefined ? null : stringifyJson(value))

/** The columns of a CSV, in order. */
const COLUMNS: Record<string, (deed: Deed) => string> = {
  id: (d) => d.id,
  at: (d) => d.at,
  actor: (d) => cell(d.actor),
  roles: (d) => cell(d.roles.join(' ')),
  keyId: (d) => cell(d.keyId),
  deed: (d) => d.deed,
  userId: (d) => cell(d.userId),
  target: (d) => cell(d.target),
  result: (d) => d.result,
  requestId: (d) => cell(d.requestId),
  address: (d) => cell(d.address),
  asked: (d) => json(d.asked),
  before: (d) => json(d.before),
  after: (d) => json(d.after),
  seal: (d) => d.seal?.seq.toString() ?? '',
  hash: (d) => d.seal?.hash ?? '',
}

const csvRow = (deed: Deed) =>
  `${Object.values(COLUMNS)
    .map((write) => write(deed))
    .join(',')}\r\n`
