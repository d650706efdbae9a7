import type { Context } from 'hono'
import { z } from 'zod'
import type { Env } from '../http/context.ts'
import { answer } from '../http/json-response.ts'
import * as field from '../http/schemas.ts'
import type { Reader } from '../ledger/reader.ts'
import type { RequestQuery, TransactionQuery } from '../ledger/transaction-reader.ts'
import { TRANSACTION_STATUSES, TRANSACTION_TYPES, toWireTransaction } from './transaction-json.ts'

/** Which transactions; `from` is inclusive, `to` exclusive, both by `createdAt`. */
export const filters = z.strictObject({
  type: z.enum(TRANSACTION_TYPES).exactOptional(),
  status: z.enum(TRANSACTION_STATUSES).exactOptional(),
  currency: field.currency.exactOptional(),
  from: field.instant.exactOptional().meta({ description: 'Inclusive, by `createdAt`.' }),
  to: field.instant.exactOptional().meta({ description: 'Exclusive, by `createdAt`.' }),
})

/** The query of one's own list, page by page. */
export const ownListing = filters.extend({
  cursor: field.transactionId
    .exactOptional()
    .meta({ description: 'The `nextCursor` of the page before.' }),
  limit: field.pageLimit,
  order: z
    .enum(['asc', 'desc'])
    .default('desc')
    .meta({ description: '`asc` for oldest first, `desc` for newest first.' }),
})

/** The query of an admin's list, which may be narrowed to one user. */
export const listing = ownListing.extend({ userId: field.userId.exactOptional() })

/** Answers with one page of the caller's tenant. */
export async function toPage(
  c: Context<Env>,
  reader: Reader,
  selection: Omit<TransactionQuery, 'tenant'>,
) {
  const page = await reader.transactions({ ...selection, tenant: c.var.principal.tenant })
  return answer(c, { items: page.items.map(toWireTransaction), nextCursor: page.nextCursor })
}

/** Answers with one page of the requests that wait in the caller's tenant, and how many there are. */
export async function toRequestPage(
  c: Context<Env>,
  reader: Reader,
  selection: Omit<RequestQuery, 'tenant'>,
) {
  const { items, ...page } = await reader.requests({
    ...selection,
    tenant: c.var.principal.tenant,
  })
  return answer(c, { items: items.map(toWireTransaction), ...page })
}
