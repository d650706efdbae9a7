import type { TransactionJson } from '../../src/routes/transaction-json.ts'
import { words } from './language.ts'
import { absolute, subtract } from './money.ts'
import { english } from './words/english.ts'

export type Transaction = TransactionJson
export type TransactionType = TransactionJson['type']
export type TransactionStatus = TransactionJson['status']

export interface Page {
  items: Transaction[]
  nextCursor: string | null
}

/** In English, for the console. */
export const STATUS_NAMES: Record<TransactionStatus, string> = english.statuses

export const STATUS_TONES: Record<TransactionStatus, string> = {
  pending: 'wait',
  success: 'gain',
  failed: 'loss',
  cancelled: '',
  expired: '',
}

/** The name of a type on the pages. */
export function typeName(type: string | undefined): string {
  const { types } = words()
  return Object.hasOwn(types, type ?? '') ? types[type as TransactionType] : types.other
}

/** What the release of an open hold frees, as decimal text: the captures before are charged then. */
export function stillHeld({ amount, capturedAmount = 0, currency }: Transaction): string {
  return subtract(absolute(amount, currency), capturedAmount, currency)
}

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
