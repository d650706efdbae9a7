import type { TransactionJson } from '../../src/routes/transaction-json.ts'
import { absolute, subtract } from './money.ts'

export type Transaction = TransactionJson
export type TransactionType = TransactionJson['type']
export type TransactionStatus = TransactionJson['status']

export interface Page {
  items: Transaction[]
  nextCursor: string | null
}

/** The names of the types on the pages. */
export const TYPE_NAMES: Record<TransactionType, string> = {
  topup: 'Topup',
  booking_payment: 'Payment',
  refund: 'Refund',
  admin_adjustment: 'Adjustment',
  transfer: 'Transfer',
  withdrawal: 'Withdrawal',
  hold: 'Hold',
}

export const STATUS_NAMES: Record<TransactionStatus, string> = {
  pending: 'Pending',
  success: 'Completed',
  failed: 'Declined',
  cancelled: 'Cancelled',
  expired: 'Expired',
}

export const STATUS_TONES: Record<TransactionStatus, string> = {
  pending: 'wait',
  success: 'gain',
  failed: 'loss',
  cancelled: '',
  expired: '',
}

export const typeName = (type: string | undefined): string =>
  TYPE_NAMES[type as TransactionType] ?? 'Transaction'

/**
 * The rest of a payment or of a captured hold that can still be refunded, as decimal text.
 * Undefined if there is none.
 */
export function leftToRefund(transaction: Transaction): string | undefined {
  const { type, status, amount, currency, refundedAmount = 0 } = transaction
  if (status !== 'success' || (type !== 'booking_payment' && type !== 'hold')) return undefined
  const left = subtract(absolute(amount, currency), refundedAmount, currency)
  return Number(left) > 0 ? left : undefined
}

/** When the money moved: at the decision for topups, withdrawals and holds, at once for all others. */
export function movedAt({ type, createdAt, updatedAt }: Transaction): string {
  return type === 'topup' || type === 'withdrawal' || type === 'hold' ? updatedAt : createdAt
}
