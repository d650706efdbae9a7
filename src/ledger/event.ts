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
  /** Only of `balance_insufficient`: the amount of the refused debit, and the available amount. */
  requiredAmount?: bigint
  available?: bigint
  /** Only of `balance_alert`: the crossed threshold, and the side of it where the balance is now. */
  threshold?: bigint
  direction?: 'below' | 'above'
  /** W3C trace context of the request that caused it. */
  traceparent?: string
}

type Wire = number | ExactNumber

/** An event as it travels on the Redis channel `balance:updates`. Amounts are major units. */
export interface EventMessage {
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
  shortfall?: Wire
  available?: Wire
  threshold?: Wire
  direction?: 'below' | 'above'
  traceparent?: string
}

/** The fields of a message, in the order in which those are written that are not for clients. */
export const MESSAGE_FIELDS = Object.keys({
  ...{ event: 1, userId: 1, tenantId: 1, status: 1 },
  ...{ newBalance: 1, previousBalance: 1, timestamp: 1 },
  ...{ transactionId: 1, transactionType: 1, amount: 1 },
  ...{ requiredAmount: 1, currentBalance: 1, shortfall: 1, available: 1 },
  ...{ threshold: 1, direction: 1, traceparent: 1, id: 1, seq: 1, currency: 1 },
} satisfies Record<keyof EventMessage, 1>) as (keyof EventMessage)[]

/** The fields that a client gets of every event. */
export interface SentEvent {
  /** `<epoch>:<seq>` */
  id: string
  /** 1, 2, 3 … per user, the same on every transport. */
  seq: number
  currency: string
  /** ISO 8601. */
  timestamp: string
}

/** Amounts are major units of `currency`; `amount` is signed as the user sees it. */
export interface BalanceUpdated extends SentEvent {
  newBalance: number
  previousBalance: number
  /** This and the next two are missing when an admin recalculated the balance. */
  transactionId?: string
  transactionType?: string
  amount?: number
}

export interface TransactionCompleted extends SentEvent {
  transactionId: string
  transactionType: string
  amount: number
  newBalance: number
  status?: string
}

export interface TransactionFailed extends SentEvent {
  transactionId: string
  transactionType: string
  status?: string
}

export interface BalanceInsufficient extends SentEvent {
  requiredAmount: number
  currentBalance: number
  /** The required amount less the available amount, which is the balance less what is held. */
  shortfall: number
}

export interface BalanceAlert extends SentEvent {
  threshold: number
  direction: 'below' | 'above'
  newBalance: number
}

/** What a client gets of each event. */
export interface SentEvents {
  balance_updated: BalanceUpdated
  transaction_completed: TransactionCompleted
  transaction_failed: TransactionFailed
  balance_insufficient: BalanceInsufficient
  balance_alert: BalanceAlert
}

const POSITION = ['id', 'seq', 'currency'] as const

/** The fields of `SentEvents` by event, in the order in which they are sent. None of them names a user. */
export const SENT_FIELDS: ReadonlyMap<string, readonly (keyof EventMessage)[]> = new Map(
  Object.entries({
    balance_updated: [
      ...(['newBalance', 'previousBalance', 'transactionId', 'transactionType'] as const),
      ...(['amount', 'timestamp', ...POSITION] as const),
    ],
    transaction_completed: [
      ...(['transactionId', 'transactionType', 'amount', 'newBalance'] as const),
      ...(['timestamp', 'status', ...POSITION] as const),
    ],
    transaction_failed: ['transactionId', 'transactionType', 'timestamp', 'status', ...POSITION],
    balance_insufficient: [
      ...(['requiredAmount', 'currentBalance', 'shortfall', 'timestamp', ...POSITION] as const),
    ],
    balance_alert: ['threshold', 'direction', 'newBalance', 'timestamp', ...POSITION],
  } satisfies { [Name in LedgerEventName]: readonly (keyof SentEvents[Name])[] }),
)

/** `<epoch>:<seq>`, the id of an event on every transport. */
export function eventId(epoch: string, seq: number): string {
  return `${epoch}:${seq}`
}

/** A ledger event as a message: in major units, and with an `id`. */
export function toMessage(event: LedgerEvent, epoch: string): EventMessage {
  const { tenant, userId, seq, currency } = event
  const message: EventMessage = {
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
