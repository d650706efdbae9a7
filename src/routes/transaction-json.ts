import type { Context } from 'hono'
import { z } from 'zod'
import type { Env } from '../http/context.ts'
import { amountJson, answer } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { TRANSACTION_STATUSES, TRANSACTION_TYPES, type Transaction } from '../ledger/command.ts'
import type { Reader } from '../ledger/reader.ts'
import type { RequestQuery, TransactionQuery } from '../ledger/transaction-reader.ts'

const amount = z.number()

/** A transaction in JSON: amounts are major units, signed from its user's point of view. */
export const transactionSchema = z
  .object({
    id: z.uuid(),
    userId: z.string(),
    type: z.enum(TRANSACTION_TYPES),
    amount,
    currency: z.string(),
    status: z.enum(TRANSACTION_STATUSES),
    description: z.string().nullable(),
    adminNotes: z.string().nullable(),
    processedBy: z.string().nullable(),
    referenceId: z.string().nullable(),
    referenceType: z.string().nullable(),
    previousBalance: amount.nullable(),
    newBalance: amount.nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable().meta({
      description:
        'The metadata of the requests that opened and settled it. A transfer has `toUserId` on the sender’s side; the receiver’s side has `fromUserId` only. A hold that was captured in part has `heldAmount`, the amount before.',
    }),
    refundedAmount: amount.exactOptional().meta({
      description: 'The sum of refunds of this payment or captured hold, if there are any.',
    }),
    createdAt: z.iso.datetime({ offset: true }),
    updatedAt: z.iso.datetime({ offset: true }),
  })
  .meta({ id: 'Transaction' })

/** One page of a list; `nextCursor` is null on the last. */
export const transactionPageSchema = z.object({
  items: z.array(transactionSchema),
  nextCursor: z.string().nullable(),
})

export type TransactionJson = z.infer<typeof transactionSchema>

export function transactionJson(transaction: Transaction): TransactionJson {
  const { tenant: _, refundedAmount, heldAmount: __, ...fields } = transaction
  const { currency } = fields
  const optional = (minor: bigint | null) => (minor === null ? null : amountJson(minor, currency))
  return {
    ...fields,
    amount: amountJson(fields.amount, currency),
    metadata: metadataJson(transaction),
    previousBalance: optional(fields.previousBalance),
    newBalance: optional(fields.newBalance),
    ...(refundedAmount && { refundedAmount: amountJson(refundedAmount, currency) }),
  }
}

/** The metadata, and in it what a hold held that was captured in part. */
export function metadataJson({
  metadata,
  heldAmount,
  currency,
}: Transaction): Transaction['metadata'] {
  if (heldAmount === undefined) return metadata
  return { ...metadata, heldAmount: amountJson(heldAmount, currency) }
}

/** The filters of a list or an export. */
export const transactionFilters = z.strictObject({
  type: z.enum(TRANSACTION_TYPES).exactOptional(),
  status: z.enum(TRANSACTION_STATUSES).exactOptional(),
  currency: field.currency.exactOptional(),
  from: field.instant.exactOptional().meta({ description: 'Inclusive, by `createdAt`.' }),
  to: field.instant.exactOptional().meta({ description: 'Exclusive, by `createdAt`.' }),
  referenceId: field.text(200).exactOptional(),
  metadata: field.metadataFilter,
})

/** The query of a list of the caller's own transactions. */
export const ownListQuery = transactionFilters.extend({
  cursor: field.transactionId
    .exactOptional()
    .meta({ description: 'The `nextCursor` of the page before.' }),
  limit: field.pageLimit,
  order: z
    .enum(['asc', 'desc'])
    .default('desc')
    .meta({ description: '`asc` for oldest first, `desc` for newest first.' }),
})

/** The query of an admin's list. */
export const listQuery = ownListQuery.extend({ userId: field.userId.exactOptional() })

/** Answers with one page of the caller's tenant. */
export async function answerPage(
  c: Context<Env>,
  reader: Reader,
  selection: Omit<TransactionQuery, 'tenant'>,
) {
  const page = await reader.transactions({ ...selection, tenant: c.var.principal.tenant })
  return answer(c, { items: page.items.map(transactionJson), nextCursor: page.nextCursor })
}

/** Answers with one page of the pending requests of the caller's tenant, and their number. */
export async function answerRequestPage(
  c: Context<Env>,
  reader: Reader,
  selection: Omit<RequestQuery, 'tenant'>,
) {
  const { items, ...page } = await reader.requests({
    ...selection,
    tenant: c.var.principal.tenant,
  })
  return answer(c, { items: items.map(transactionJson), ...page })
}
