import * as z from 'zod'
import { factory } from '../http/context.ts'
import { answer, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { RouteDeps } from './deps.ts'
import { transactionJson } from './transaction-json.ts'

const MAX_TEXT = 255

/** `GET /admin/search`: transactions and users by what an admin may know of them. */
export function searchRoutes({
  guards,
  transactionSearch,
}: Pick<RouteDeps, 'guards' | 'transactionSearch'>) {
  return factory.createApp().get(
    '/',
    guards.requireAdmin,
    query(
      z.strictObject({
        q: field
          .text(MAX_TEXT)
          .transform((text) => text.trim())
          .refine((text) => text !== '', 'must not be empty')
          .meta({
            minLength: 1,
            description:
              'A user id, a reference, the beginning of a transaction’s id (8 digits or more), an amount such as `12.50` or `12.50 EUR`, or a part of a description or of an admin’s notes.',
            examples: ['12.50 EUR'],
          }),
        userId: field.userId
          .exactOptional()
          .meta({ description: 'Only transactions of this user.' }),
        cursor: field.transactionId
          .exactOptional()
          .meta({ description: 'The `nextCursor` of the page before.' }),
        limit: field.pageLimit,
      }),
    ),
    async (c) => {
      const { q, ...rest } = c.req.valid('query')
      const { tenant } = c.var.principal
      const { items, ...page } = await transactionSearch.search({ tenant, text: q, ...rest })
      return answer(c, {
        ...page,
        items: items.map((item) => transactionJson(item, c.var.principal)),
      })
    },
  )
}
