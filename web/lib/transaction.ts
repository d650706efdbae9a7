import type { WireTransaction } from '../../src/routes/transaction-json.ts'
import { absolute, subtract } from './money.ts'

export type Transaction = WireTransaction
export type TransactionType = WireTransaction['type']
export type TransactionStatus = WireTransaction['status']

export interface Page {
  items: Transaction[]
  nextCursor: string | null
}

/** What each type is called in front of people. */
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
 * What can still be given back, as decimal text: of a payment or a captured hold what was not refunded yet.
 * Undefined where that is nothing.
 */
export function leftToRefund(transaction: Transaction): string | undefined {
  const { type, status, amount, currency, refundedAmount = 0 } = transaction
  if (status !== 'success' || (type !== 'booking_payment' && type !== 'hold')) return undefined
  const left = subtract(absolute(amount, currency), refundedAmount, currency)
  return Number(left) > 0 ? left : undefined
}

/** When the money moved: what waits for a decision moves with it, everything else at once. */
export function movedAt({ type, createdAt, updatedAt }: Transaction): string {
  return type === 'topup' || type === 'withdrawal' || type === 'hold' ? updatedAt : createdAt
}
