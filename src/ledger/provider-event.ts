/**
 * What an event of a payment provider means for a topup.
 * - `failed`: the payment can never succeed. `attempt_failed`: it still can, for example with another card.
 * - `refund_failed`: money that was reported as refunded came back to the merchant.
 */
export const PAYMENT_EVENT_KINDS = [
  'succeeded',
  'failed',
  'attempt_failed',
  'refunded',
  'refund_failed',
  'disputed',
  'dispute_won',
  'dispute_lost',
] as const

export type PaymentEventKind = (typeof PAYMENT_EVENT_KINDS)[number]

/** An event of a payment provider, which has been verified. */
export interface PaymentEvent {
  provider: string
  /** The provider's id of the event. An event is applied once. */
  eventId: string
  kind: PaymentEventKind
  /** The provider's id of the payment that it is about. */
  paymentId: string
  disputeId?: string
  /** Undefined: the event does not carry it, and its payment tells. */
  topup?: { tenant: string; id: string }
  /** Minor units. Undefined: it is no whole number of them, or the event has none. */
  amount?: bigint
  currency?: string
  /** `amount` is that of all refunds of the payment so far, not only of this one. */
  isTotal?: boolean
  /** The provider's own word for the cause, such as `card_declined`. */
  detail?: string
}

/**
 * What became of an event. `parked`: it is applied when another event of the payment has come. `waiting`: an admin has
 * to decide. `resolved`: an admin has decided.
 */
export const PROVIDER_OUTCOMES = ['applied', 'ignored', 'parked', 'waiting', 'resolved'] as const

export type ProviderOutcome = (typeof PROVIDER_OUTCOMES)[number]

export interface RecordedOutcome {
  outcome: ProviderOutcome
  /** Why it was not simply applied. */
  reason: string | null
  /** The event was known already. */
  repeated: boolean
}

/** How money of a refund or a dispute is taken back from a wallet. */
export type TakeBack = 'adjustment' | 'hold'

export interface TakeBackRules {
  refunds: TakeBack
  disputes: TakeBack
}

/** A recorded event. Amounts are in minor units. */
export interface ProviderEvent {
  id: string
  provider: string
  eventId: string
  kind: PaymentEventKind
  paymentId: string
  disputeId: string | null
  topupId: string | null
  userId: string | null
  amount: bigint | null
  currency: string | null
  detail: string | null
  outcome: ProviderOutcome
  reason: string | null
  transactionId: string | null
  receivedAt: string
  resolvedBy: string | null
  resolution: string | null
  resolvedAt: string | null
}

export const DEBT_STATUSES = ['open', 'collected', 'written_off', 'cancelled'] as const

export type DebtStatus = (typeof DEBT_STATUSES)[number]

/** What a refund or a dispute could not take from a wallet. Amounts are in minor units. */
export interface Debt {
  id: string
  userId: string
  currency: string
  amount: bigint
  collected: bigint
  status: DebtStatus
  cause: 'refund' | 'dispute'
  topupId: string
  createdAt: string
  closedBy: string | null
  closedAt: string | null
}
