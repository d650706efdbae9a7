import { z } from 'zod'
import { factory } from '../http/context.ts'
import { answer, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { REQUEST_TYPES } from '../ledger/command.ts'
import { MAX_USER_ID } from '../lib/identity.ts'
import { balanceJson } from './balance.ts'
import type { RouteDeps } from './deps.ts'
import { answerRequestPage, listQuery } from './transaction-json.ts'

/** `/admin`: the data of the console, other than transactions. */
export function adminRoutes({
  currency,
  guards,
  reader,
  system,
}: Pick<RouteDeps, 'currency' | 'guards' | 'reader' | 'system'>) {
  return factory
    .createApp()
    .get(
      '/wallets',
      guards.requireAdmin,
      query(
        z.strictObject({
          currency: field.currency.default(currency),
          search: field
            .text(2 * MAX_USER_ID)
            .exactOptional()
            .meta({ description: 'A part of the user id, in any case of letters.' }),
          cursor: field.userId
            .exactOptional()
            .meta({ description: 'The `nextCursor` of the page before.' }),
          limit: field.pageLimit,
        }),
      ),
      async (c) => {
        const { tenant } = c.var.principal
        const page = await reader.wallets({ tenant, ...c.req.valid('query') })
        return answer(c, {
          items: page.items.map(({ balances, ...item }) => ({
            ...balanceJson(item),
            balances: balances.map(balanceJson),
          })),
          nextCursor: page.nextCursor,
        })
      },
    )
    .get(
      '/requests',
      guards.requireAdmin,
      query(
        listQuery.omit({ type: true, status: true }).extend({
          type: z
            .enum(REQUEST_TYPES)
            .exactOptional()
            .meta({ description: 'Only this type. Default both.' }),
          order: listQuery.shape.order.unwrap().default('asc').meta({
            description: '`asc` for oldest first, `desc` for newest first.',
          }),
        }),
      ),
      (c) => {
        const { type, ...selection } = c.req.valid('query')
        return answerRequestPage(c, reader, { ...selection, types: type ? [type] : REQUEST_TYPES })
      },
    )
    .get('/system', guards.requireAdmin, query(field.noFields), async (c) =>
      answer(c, await system()),
    )
}
