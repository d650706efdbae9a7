import type { WireTransaction } from '../../src/routes/wire.ts'

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

/** What can still be given back: of a payment or a captured hold what was not refunded yet, of others nothing. */
export function leftToRefund({ type, status, amount, refundedAmount = 0 }: Transaction): number {
  if (type !== 'booking_payment' && type !== 'hold') return 0
  return status === 'success' ? Math.abs(amount) - refundedAmount : 0
}

/** When the money moved: what waits for a decision moves with it, everything else at once. */
export function movedAt({ type, createdAt, updatedAt }: Transaction): string {
  return type === 'topup' || type === 'withdrawal' || type === 'hold' ? updatedAt : createdAt
}
