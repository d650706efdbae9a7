import { z } from 'zod'
import { wireAmount } from '../http/amount.ts'
import type { Transaction } from '../ledger/command.ts'

export const TRANSACTION_TYPES = [
  'topup',
  'booking_payment',
  'refund',
  'admin_adjustment',
  'transfer',
  'withdrawal',
  'hold',
] as const

export const TRANSACTION_STATUSES = [
  'pending',
  'success',
  'failed',
  'cancelled',
  'expired',
] as const

const amount = z.number()

/** A transaction as it travels: amounts in major units, signed as its user sees them. */
export const wireTransaction = z
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
        'A transfer has `toUserId` on the sender’s side and `fromUserId` on the receiver’s. A hold that was captured in part has `heldAmount`, the amount before.',
    }),
    refundedAmount: amount.exactOptional().meta({
      description: 'The sum of refunds of this payment or captured hold, if there are any.',
    }),
    createdAt: z.iso.datetime({ offset: true }),
    updatedAt: z.iso.datetime({ offset: true }),
  })
  .meta({ id: 'Transaction' })

/** One page of a list; `nextCursor` is null on the last. */
export const wirePage = z.object({
  items: z.array(wireTransaction),
  nextCursor: z.string().nullable(),
})

export type WireTransaction = z.infer<typeof wireTransaction>

export function toWireTransaction(transaction: Transaction): WireTransaction {
  const { tenant: _, refundedAmount, ...fields } = transaction
  const { currency } = fields
  const wire = (minor: bigint | null) => (minor === null ? null : wireAmount(minor, currency))
  return {
    ...fields,
    amount: wireAmount(fields.amount, currency),
    metadata: wireMetadata(transaction),
    previousBalance: wire(fields.previousBalance),
    newBalance: wire(fields.newBalance),
    ...(refundedAmount && { refundedAmount: wireAmount(refundedAmount, currency) }),
  }
}

/** The amount in it is in major units here, as every amount is. */
export function wireMetadata({ metadata, currency }: Transaction): Transaction['metadata'] {
  if (metadata?.heldAmount === undefined) return metadata
  return { ...metadata, heldAmount: wireAmount(BigInt(String(metadata.heldAmount)), currency) }
}
