import { z } from 'zod'
import { wireAmount } from '../http/amount.ts'
import { answer } from '../http/answer.ts'
import { factory } from '../http/env.ts'
import * as field from '../http/fields.ts'
import { query } from '../http/validate.ts'
import type { RouteDeps } from './deps.ts'

/** `/admin`: what the console shows besides transactions. */
export function adminRoutes({
  currency,
  guards,
  overview,
  system,
}: Pick<RouteDeps, 'currency' | 'guards' | 'overview' | 'system'>) {
  return factory
    .createApp()
    .get(
      '/wallets',
      guards.requireAdmin,
      query(
        z.strictObject({
          currency: field.currency.default(currency),
          search: field
            .text(128)
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
        const page = await overview.wallets({ tenant, ...c.req.valid('query') })
        return answer(c, {
          items: page.items.map(({ balance, held, ...rest }) => ({
            ...rest,
            balance: wireAmount(balance, rest.currency),
            held: wireAmount(held, rest.currency),
            available: wireAmount(balance - held, rest.currency),
          })),
          nextCursor: page.nextCursor,
        })
      },
    )
    .get('/system', guards.requireAdmin, query(field.noFields), async (c) =>
      answer(c, await system()),
    )
}
