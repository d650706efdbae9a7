import type { Context } from 'hono'
import * as z from 'zod'
import type { Principal } from '../auth/principal.ts'
import type { Env } from '../http/context.ts'
import { amountJson, answer } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import {
  type PaidPart,
  TRANSACTION_STATUSES,
  TRANSACTION_TYPES,
  type Transaction,
} from '../ledger/command.ts'
import { OVERAGES } from '../ledger/event.ts'
import type { Reader } from '../ledger/reader.ts'
import type {
  RequestContext,
  RequestQuery,
  TransactionQuery,
} from '../ledger/transaction-reader.ts'

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
    approvedBy: z.string().exactOptional().meta({
      description:
        'Where two admins must agree: the first one. While it is `pending`, it waits for the second, who then is `processedBy`.',
    }),
    approvedAt: z.iso.datetime({ offset: true }).exactOptional(),
    referenceId: z.string().nullable(),
    referenceType: z.string().nullable(),
    previousBalance: amount.nullable(),
    newBalance: amount.nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable().meta({
      description:
        'The metadata of the requests that opened, changed and settled it, at most 4 KiB together. A transfer has `toUserId` on the sender’s side; the receiver’s side has `fromUserId` only. A hold of which another amount was captured has `heldAmount`, the amount before.',
    }),
    split: z
      .array(
        z.object({
          to: z.string().exactOptional(),
          fee: z.string().exactOptional(),
          amount,
          refunded: amount.exactOptional().meta({ description: 'How much of it was given back.' }),
          transactionId: z.uuid().exactOptional().meta({ description: 'The payee’s transaction.' }),
        }),
      )
      .exactOptional()
      .meta({
        description:
          'Of a payment that was split: who got how much. Of its refund: who gave how much back. Only admins and services see it.',
      }),
    refundedAmount: amount.exactOptional().meta({
      description: 'The sum of refunds of this payment or captured hold, if there are any.',
    }),
    capturedAmount: amount.exactOptional().meta({
      description:
        'Only of a hold: the sum of its captures. It stays held until the hold ends, and is charged then.',
    }),
    overage: z.enum(OVERAGES).exactOptional().meta({
      description: 'Only of a hold: what a capture above the rest of it takes.',
    }),
    expiresAt: z.iso
      .datetime({ offset: true })
      .exactOptional()
      .meta({ description: 'Only of a hold.' }),
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

/** @param viewer without a role they do not see how a payment was split */
export function transactionJson(
  transaction: Transaction,
  viewer: Pick<Principal, 'isAdmin' | 'isService'>,
): TransactionJson {
  const {
    tenant: _,
    refundedAmount,
    heldAmount: __,
    capturedAmount,
    split,
    ...fields
  } = transaction
  const { currency } = fields
  const optional = (minor: bigint | null) => (minor === null ? null : amountJson(minor, currency))
  return {
    ...fields,
    amount: amountJson(fields.amount, currency),
    metadata: metadataJson(transaction),
    previousBalance: optional(fields.previousBalance),
    newBalance: optional(fields.newBalance),
    ...(split &&
      (viewer.isAdmin || viewer.isService) && {
        split: split.map((part) => partJson(part, currency)),
      }),
    ...(refundedAmount && { refundedAmount: amountJson(refundedAmount, currency) }),
    ...(capturedAmount !== undefined && { capturedAmount: amountJson(capturedAmount, currency) }),
  }
}

function partJson({ amount, refunded, ...part }: PaidPart, currency: string) {
  return {
    ...part,
    amount: amountJson(amount, currency),
    ...(refunded !== undefined && { refunded: amountJson(refunded, currency) }),
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
  referenceId: field.text(field.MAX_REFERENCE).exactOptional(),
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

/** Narrows what waits for an admin. */
export const waitingFor = z
  .enum(['first', 'second'])
  .exactOptional()
  .meta({ description: 'Only what waits for the first, or for the second of two admins.' })

/** The query of an admin's list. */
export const listQuery = ownListQuery.extend({ userId: field.userId.exactOptional() })

/** Answers with one page of the caller's tenant. */
export async function answerPage(
  c: Context<Env>,
  reader: Reader,
  selection: Omit<TransactionQuery, 'tenant'>,
) {
  const page = await reader.transactions({ ...selection, tenant: c.var.principal.tenant })
  return answer(c, {
    items: page.items.map((item) => transactionJson(item, c.var.principal)),
    nextCursor: page.nextCursor,
  })
}

/** Answers with one page of the pending requests of the caller's tenant, and their number. */
export async function answerRequestPage(
  c: Context<Env>,
  reader: Reader,
  selection: Omit<RequestQuery, 'tenant'>,
  withContext = false,
) {
  const { tenant } = c.var.principal
  const { items, ...page } = await reader.requests({ ...selection, tenant })
  const users = withContext ? await reader.requestContexts(tenant, items) : undefined
  return answer(c, {
    items: items.map((item) => transactionJson(item, c.var.principal)),
    ...page,
    ...(users && { users: users.map(contextJson) }),
  })
}

function contextJson({ balance, held, ...rest }: RequestContext) {
  const { currency } = rest
  return {
    ...rest,
    balance: amountJson(balance, currency),
    available: amountJson(balance - held, currency),
  }
}
