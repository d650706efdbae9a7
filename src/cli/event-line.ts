import type { EventMessage } from '../ledger/event.ts'
import { printable } from '../lib/printable.ts'

/** What there is to say of an event, from Redis's channel or from a server's stream. */
export interface ToldEvent extends Omit<Partial<EventMessage>, 'event'> {
  event: string
  userId: string
  /** Of `balance_initial`. */
  balance?: number
  /** Of `token_expiring`. */
  expiresAt?: string
}

/** `10:30:00.123  alice  balance_updated  +50 USD, now 150 USD  topup` */
export function eventLine(told: ToldEvent): string {
  const { event, timestamp, tenantId, userId, transactionType, status } = told
  const who = tenantId === undefined || tenantId === 'default' ? userId : `${tenantId}/${userId}`
  const time = timestamp === undefined ? '' : timestamp.slice(11, 23)
  return [time.padEnd(12), who, event, about(told), transactionType, status]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => printable(String(part)))
    .join('  ')
}

function about(told: ToldEvent): string {
  const { event, amount, currency, newBalance, balance = newBalance } = told
  // The amount is what would have moved, and nothing did.
  const failed = event === 'transaction_failed'
  return [
    amount !== undefined && `${failed ? unsigned(amount) : signed(amount)} ${currency}`,
    told.shortfall !== undefined &&
      `${told.requiredAmount} ${currency} asked, ${told.shortfall} missing`,
    told.threshold !== undefined && `${told.direction} ${told.threshold} ${currency}`,
    balance !== undefined && !failed && `now ${balance} ${currency}`,
    told.expiresAt !== undefined && `at ${told.expiresAt}`,
  ]
    .filter(Boolean)
    .join(', ')
}

type Amount = NonNullable<ToldEvent['amount']>

const unsigned = (amount: Amount) => String(amount).replace('-', '')
const signed = (amount: Amount) => `${String(amount).startsWith('-') ? '' : '+'}${amount}`
