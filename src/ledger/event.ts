import type { ExactNumber } from '../lib/json.ts'
import { toWire } from './money.ts'

/** The events that the ledger itself writes, each with a `seq` of its own in its user's stream. */
export const LEDGER_EVENTS = [
  'balance_updated',
  'transaction_completed',
  'transaction_failed',
  'balance_insufficient',
  'balance_alert',
  'wallet_frozen',
  'wallet_unfrozen',
  'available_changed',
  'hold_exhausted',
  'hold_expiring',
  'auto_topup_paused',
] as const

/** What a capture above the rest of its hold takes: nothing, or the missing amount from the available balance. */
export const OVERAGES = ['refuse', 'balance'] as const

export type Overage = (typeof OVERAGES)[number]

export type LedgerEventName = (typeof LEDGER_EVENTS)[number]

/** Whose stream: a user of a tenant. */
export interface UserRef {
  tenant: string
  userId: string
}

/** What a wallet can be frozen for. */
export type Frozen = 'debits' | 'credits' | 'both'

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
  /** Only of `balance_insufficient`: the amount of the refused debit. */
  requiredAmount?: bigint
  /** The balance less the held amount, if the event is about one of them. */
  available?: bigint
  held?: bigint
  /** Only of a hold: what it holds, what its captures took of that, and the rest. */
  heldAmount?: bigint
  capturedAmount?: bigint
  remaining?: bigint
  overage?: Overage
  /** ISO 8601. */
  expiresAt?: string
  /** Who opened the hold, if not its user. */
  service?: string
  /** Only of `balance_alert`: the crossed threshold, and the side of it where the balance is now. */
  threshold?: bigint
  direction?: 'below' | 'above'
  /** Only of `wallet_frozen`: what the wallet is frozen for. */
  frozen?: Frozen
  /** Only of `auto_topup_paused`. */
  reason?: string
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
  held?: Wire
  heldAmount?: Wire
  capturedAmount?: Wire
  remaining?: Wire
  overage?: Overage
  expiresAt?: string
  service?: string
  threshold?: Wire
  direction?: 'below' | 'above'
  frozen?: Frozen
  reason?: string
  traceparent?: string
}

/** The fields of a message, in the order in which those are written that are not for clients. */
export const MESSAGE_FIELDS = Object.keys({
  ...{ event: 1, userId: 1, tenantId: 1, status: 1 },
  ...{ newBalance: 1, previousBalance: 1, timestamp: 1 },
  ...{ transactionId: 1, transactionType: 1, amount: 1 },
  ...{ requiredAmount: 1, currentBalance: 1, shortfall: 1, available: 1, held: 1 },
  ...{ heldAmount: 1, capturedAmount: 1, remaining: 1, overage: 1, expiresAt: 1, service: 1 },
  ...{
    threshold: 1,
    direction: 1,
    frozen: 1,
    reason: 1,
    traceparent: 1,
    id: 1,
    seq: 1,
    currency: 1,
  },
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
  /**
   * This and the rest only if the connection has a maximum rate, and the frame stands for several changes. Then it has
   * no transaction. It includes every event from `fromSeq` to `toSeq` that was not sent by itself.
   */
  fromSeq?: number
  toSeq?: number
  /** Changes of this currency. */
  count?: number
  /** The sum of the changes, signed. */
  sum?: number
  /** Merged `transaction_completed` events. */
  completed?: number
  /** Merged `transaction_failed` events. */
  failed?: number
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

export interface WalletFrozen extends SentEvent {
  /** Debits are refused, credits are, or both. */
  frozen: Frozen
}

export interface WalletUnfrozen extends SentEvent {}

export interface AutoTopupPaused extends SentEvent {
  /** The topup that could not be paid. */
  transactionId: string
  /** Such as `card_declined`, in the provider's words. */
  reason: string
}

export interface AvailableChanged extends SentEvent {
  /** The balance less the held amount, and the held amount. The balance itself did not change. */
  available: number
  held: number
  /** The transaction that holds or freed money: a hold or a withdrawal. */
  transactionId: string
  transactionType: string
  amount: number
}

export interface HoldExhausted extends SentEvent {
  /** The hold. */
  transactionId: string
  heldAmount: number
  /** What the captures took so far. It is charged when the hold ends. */
  capturedAmount: number
  /** The held amount less the captured one. */
  remaining: number
  /** `balance`: further captures take from the available balance. */
  overage: Overage
  expiresAt: string
  /** Of the user. */
  available: number
}

export interface HoldExpiring extends HoldExhausted {}

/** What a client gets of each event. */
export interface SentEvents {
  balance_updated: BalanceUpdated
  transaction_completed: TransactionCompleted
  transaction_failed: TransactionFailed
  balance_insufficient: BalanceInsufficient
  balance_alert: BalanceAlert
  wallet_frozen: WalletFrozen
  wallet_unfrozen: WalletUnfrozen
  available_changed: AvailableChanged
  hold_exhausted: HoldExhausted
  hold_expiring: HoldExpiring
  auto_topup_paused: AutoTopupPaused
}

const POSITION = ['id', 'seq', 'currency'] as const

const OF_HOLD = [
  ...(['transactionId', 'heldAmount', 'capturedAmount', 'remaining', 'overage'] as const),
  ...(['expiresAt', 'available', 'timestamp', ...POSITION] as const),
] as const

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
    wallet_frozen: ['frozen', 'timestamp', ...POSITION],
    wallet_unfrozen: ['timestamp', ...POSITION],
    available_changed: [
      ...(['available', 'held', 'transactionId', 'transactionType', 'amount'] as const),
      ...(['timestamp', ...POSITION] as const),
    ],
    hold_exhausted: OF_HOLD,
    hold_expiring: OF_HOLD,
    auto_topup_paused: ['transactionId', 'reason', 'timestamp', ...POSITION],
  } satisfies { [Name in LedgerEventName]: readonly (keyof SentEvents[Name])[] }),
)

/** What the ids of a tenant's events begin with. Undefined: its database was not reached yet. */
export type EpochOf = (tenant: string) => string | undefined

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
  if (event.available !== undefined) message.available = toWire(event.available, currency)
  if (event.requiredAmount !== undefined && event.available !== undefined) {
    message.requiredAmount = toWire(event.requiredAmount, currency)
    message.currentBalance = message.newBalance
    message.shortfall = toWire(event.requiredAmount - event.available, currency)
  }
  if (event.held !== undefined) addHeld(message, event)
  if (event.threshold !== undefined) message.threshold = toWire(event.threshold, currency)
  if (event.direction !== undefined) message.direction = event.direction
  if (event.frozen !== undefined) message.frozen = event.frozen
  if (event.reason !== undefined) message.reason = event.reason
  if (event.traceparent !== undefined) message.traceparent = event.traceparent
  return message
}

/** The fields of events about held money. Other events, which are most, have none of them. */
function addHeld(message: EventMessage, event: LedgerEvent): void {
  const { currency } = event
  for (const field of ['held', 'heldAmount', 'capturedAmount', 'remaining'] as const) {
    const minor = event[field]
    if (minor !== undefined) message[field] = toWire(minor, currency)
  }
  if (event.overage !== undefined) message.overage = event.overage
  if (event.expiresAt !== undefined) message.expiresAt = event.expiresAt
  if (event.service !== undefined) message.service = event.service
}
