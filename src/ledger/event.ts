import type { ExactNumber } from '../lib/json.ts'
import { toWire } from './money.ts'

/** The events that the ledger itself writes, each with a `seq` of its own in its user's stream. */
export const LEDGER_EVENTS = [
  'balance_updated',
  'transaction_completed',
  'transaction_failed',
  'balance_insufficient',
  'balance_alert',
] as const

export type LedgerEventName = (typeof LEDGER_EVENTS)[number]

/** Whose stream: a user of a tenant. */
export interface UserRef {
  tenant: string
  userId: string
}

/** One row of the `events` table. Amounts are minor units of `currency`. */
export interface LedgerEvent extends UserRef {
  /** 1, 2, 3 … per user: no hole, no repeat, in commit order. */
  seq: number
  event: LedgerEventName
  currency: string
  /** ISO 8601, by the database's clock, which may be set back: order is by `seq`. */
  timestamp: string
  /** The balance once this event had happened, in its currency. */
  newBalance: bigint
  previousBalance?: bigint
  transactionId?: string
  transactionType?: string
  /** The transaction's status after the event. */
  status?: string
  amount?: bigint
  /** `balance_insufficient` alone: what the refused debit asked for, and what there was to spend. */
  requiredAmount?: bigint
  available?: bigint
  /** `balance_alert` alone: the crossed threshold and the side the balance is on now. */
  threshold?: bigint
  direction?: 'below' | 'above'
  /** W3C trace context of the request that caused it. */
  traceparent?: string
}

type Wire = number | ExactNumber

/**
 * What travels on the Redis channel `balance:updates`: the seed's `BalanceUpdateEvent` with `id`, `seq`,
 * `currency` and `tenantId`. Amounts are major units.
 */
export interface BalanceUpdateEvent {
  event: LedgerEventName
  userId: string
  tenantId: string
  id: string
  seq: number
  currency: string
  timestamp: string
  newBalance: Wire
  previousBalance?: Wire
  transactionId?: string
  transactionType?: string
  status?: string
  amount?: Wire
  requiredAmount?: Wire
  currentBalance?: Wire
  /** What was missing of `available`, which is the balance less what is held. */
  shortfall?: Wire
  available?: Wire
  threshold?: Wire
  direction?: 'below' | 'above'
  traceparent?: string
}

/** `<epoch>:<seq>`, the id of an event on every transport. */
export function eventId(epoch: string, seq: number): string {
  return `${epoch}:${seq}`
}

/** A ledger event in the wire's terms: major units, and an `id`. */
export function toMessage(event: LedgerEvent, epoch: string): BalanceUpdateEvent {
  const { tenant, userId, seq, currency } = event
  const message: BalanceUpdateEvent = {
    event: event.event,
    userId,
    tenantId: tenant,
    newBalance: toWire(event.newBalance, currency),
    id: eventId(epoch, seq),
    seq,
    currency,
    timestamp: event.timestamp,
  }
  if (event.previousBalance !== undefined) {
    message.previousBalance = toWire(event.previousBalance, currency)
  }
  if (event.transactionId !== undefined) message.transactionId = event.transactionId
  if (event.transactionType !== undefined) message.transactionType = event.transactionType
  if (event.status !== undefined) message.status = event.status
  if (event.amount !== undefined) message.amount = toWire(event.amount, currency)
  if (event.requiredAmount !== undefined && event.available !== undefined) {
    message.requiredAmount = toWire(event.requiredAmount, currency)
    message.currentBalance = message.newBalance
    message.shortfall = toWire(event.requiredAmount - event.available, currency)
    message.available = toWire(event.available, currency)
  }
  if (event.threshold !== undefined) message.threshold = toWire(event.threshold, currency)
  if (event.direction !== undefined) message.direction = event.direction
  if (event.traceparent !== undefined) message.traceparent = event.traceparent
  return message
}
