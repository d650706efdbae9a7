import type { LedgerEvent } from '../ledger/event.ts'
import type { NotificationKind, PushRules } from './push.ts'

const URGENT: readonly NotificationKind[] = ['low_balance', 'payment_failed']

export const isUrgent = (kind: NotificationKind): boolean => URGENT.includes(kind)

/**
 * What a user is notified of by this event. Of the events of one change at most one is told, because all of these rules
 * but two look at `balance_updated`, and the other two at changes without one.
 */
export function kindOf(event: LedgerEvent, rules: PushRules): NotificationKind | undefined {
  switch (event.event) {
    case 'balance_updated':
      return kindOfChange(event, rules)
    case 'transaction_failed':
      return rules.topups.on && event.transactionType === 'topup' && event.status === 'failed'
        ? 'topup_failed'
        : undefined
    case 'balance_insufficient':
      return rules.paymentFailed.on ? 'payment_failed' : undefined
    default:
      return undefined
  }
}

function kindOfChange(event: LedgerEvent, rules: PushRules): NotificationKind | undefined {
  const { currency, newBalance, transactionType } = event
  const change = changeOf(event)
  const low = rules.lowBalance.on ? rules.lowBalance.below[currency] : undefined
  if (low !== undefined && newBalance < low && newBalance - change >= low) return 'low_balance'
  if (rules.topups.on && transactionType === 'topup' && change > 0n) return 'topup_completed'
  const { on, atLeast } = rules.changes
  const size = change < 0n ? -change : change
  return on && size > 0n && size >= (atLeast[currency] ?? 0n) ? 'change' : undefined
}

/** In minor units, signed. */
export function changeOf({ newBalance, previousBalance = newBalance }: LedgerEvent): bigint {
  return newBalance - previousBalance
}
